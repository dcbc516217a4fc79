WITH lines AS (
    SELECT l.*, r.ended_at, r.due, r.observed, r.evidence AS end_proof, coalesce(l.opened_at, l.first_at, $period_start) AS began_at
    FROM access_review_lines AS l LEFT JOIN review_revocations AS r USING (subject)
    WHERE CASE WHEN l.period IS NOT NULL THEN l.period = $period ELSE coalesce(l.opened_at, l.first_at, $period_start) >= $period_start AND coalesce(l.opened_at, l.first_at, $period_start) < $period_end END
), deadlines AS (
    SELECT *, coalesce(day_start(TRY_CAST(parameter_at('APD-05', 'P_UAR_DUE', $period_start) AS DATE) + 1), $period_end) AS closes_at FROM lines
), cleared AS (
    SELECT l.subject, min(t.opened_at) AS opened_at, list(t.evidence) AS proofs FROM lines AS l
    JOIN tickets AS t ON t.opened_at >= l.decided_at AND regexp_matches(t.ticket_type, '(?i)look.?back') AND scope_has(t.scope, l.line_id) AND (NOT scope_has(t.scope, 'campaign') OR scope_has(t.scope, l.campaign_id))
    GROUP BY l.subject
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN completed_at < closes_at AND coalesce(opened_at >= $period_start, true) THEN 'PASS' WHEN closes_at > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END AS verdict,
        coalesce('completed at ' || instant_text(completed_at), 'not completed') || '; due before ' || instant_text(closes_at) AS reason, closes_at AS until, [] AS proofs, ['uar'] AS needs FROM deadlines
    UNION ALL
    SELECT subject, 'B', CASE WHEN decision IS NULL OR decided_by IS NULL OR decided_at IS NULL OR seen_hash IS NULL THEN CASE WHEN closes_at > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END
             WHEN decision = 'keep' AND (NOT resolved OR terminated_at <= decided_at) THEN 'EXCEPTION' WHEN frozen_hash IS NULL THEN 'INDETERMINATE' WHEN seen_hash = frozen_hash THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN decision IS NULL OR decided_by IS NULL OR decided_at IS NULL THEN 'no decision' WHEN seen_hash IS NULL THEN 'nothing tells which listing was seen' WHEN decision = 'keep' AND NOT resolved THEN 'kept, but nobody is known to hold it' WHEN decision = 'keep' AND terminated_at <= decided_at THEN 'kept for somebody who had left'
             WHEN frozen_hash IS NULL THEN 'the campaign''s record with the frozen listing''s hash is not known' WHEN seen_hash = frozen_hash THEN decision || ' on the frozen listing' ELSE 'another listing than the frozen one was seen' END, coalesce(decided_at, closes_at), [], ['uar'] FROM deadlines
    UNION ALL
    SELECT subject, 'C', CASE WHEN decided_by IS NULL THEN 'NOT_APPLICABLE' WHEN decided_by = person OR by_subordinate OR coalesce(delegated, false) THEN 'EXCEPTION' WHEN coalesce(by_owner, false) OR coalesce(by_manager, false) THEN 'PASS' WHEN owner_known OR decided_by IS DISTINCT FROM reviewer THEN 'EXCEPTION' ELSE 'INDETERMINATE' END,
        CASE WHEN decided_by IS NULL THEN 'no decision (B)' WHEN decided_by = person THEN 'decided by the subject' WHEN by_subordinate THEN 'decided by a subordinate of the subject' WHEN coalesce(delegated, false) THEN 'delegated by the subject' WHEN coalesce(by_owner, false) THEN 'decided by the owner' WHEN coalesce(by_manager, false) THEN 'decided by the manager'
             WHEN owner_known OR decided_by IS DISTINCT FROM reviewer THEN 'decided by ' || decided_by || ', who is neither owner nor manager' ELSE 'whether reviewer ' || decided_by || ' owns it is not known' END, decided_at, [], ['hr.worker'] FROM deadlines
    UNION ALL
    SELECT subject, 'D', CASE WHEN decision = 'keep' OR decided_at IS NULL THEN 'NOT_APPLICABLE' WHEN ended_at <= due THEN 'PASS' WHEN due > $freeze_at THEN 'NOT_APPLICABLE' WHEN ended_at IS NULL AND NOT observed THEN 'INDETERMINATE' ELSE 'EXCEPTION' END,
        CASE WHEN decision = 'keep' OR decided_at IS NULL THEN 'nothing to carry out' ELSE coalesce('carried out at ' || instant_text(ended_at), 'not carried out as far as known') || '; due ' || instant_text(due) END, due, [end_proof],
        CASE system WHEN 'github' THEN ['gh.audit', 'gh.team'] WHEN 'vault' THEN ['vault.group'] WHEN 'kubernetes' THEN ['k8s.audit', 'k8s.rbac'] ELSE ['uar'] END FROM deadlines
    UNION ALL
    SELECT l.subject, 'F', CASE WHEN l.decision IS DISTINCT FROM 'revoke' OR NOT l.privileged THEN 'NOT_APPLICABLE' WHEN l.looked_back_at IS NOT NULL OR c.opened_at IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN l.decision IS DISTINCT FROM 'revoke' OR NOT l.privileged THEN 'no privileged access was revoked' ELSE coalesce('looked back at ' || instant_text(coalesce(l.looked_back_at, c.opened_at)), 'no look-back is known') END, $freeze_at - INTERVAL 1 DAY, coalesce(c.proofs, []), ['itsm.ticket', 'uar']
    FROM deadlines AS l LEFT JOIN cleared AS c USING (subject)
)
SELECT 'lines' AS population, a.subject, a.attribute, a.verdict, a.reason, coalesce(l.decided_at, l.began_at) AS event_time, proofs(list_concat(l.proofs, a.proofs)) AS evidence, a.needs,
    coalesce(l.decided_at, l.began_at) AS window_start, a.until AS window_end, to_json({'campaign': l.campaign_id, 'line': l.line_id, 'person': l.person, 'system': l.system}) AS covers
FROM answers AS a JOIN deadlines AS l USING (subject)
