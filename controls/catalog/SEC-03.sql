WITH members AS (
    SELECT *, created_at + span_at('SEC-03', 'P_SECRET_H', created_at) AS due, created_at >= $period_start AS new,
        resolution IN ('false_positive', 'used_in_tests') AS harmless, (SELECT list(worker_id) FROM scope_people WHERE role = 'security_team') AS security,
        state = 'open' OR resolved_at IS NULL OR resolved_at >= $period_end AS open_
    FROM secret_alerts WHERE created_at < $period_end AND coalesce(resolved_at, 'infinity') >= $period_start
), disabled AS (
    SELECT m.subject, min(a.event_time) AS at_time, list(a.evidence) AS proofs FROM members AS m
    JOIN github_audit_log AS a ON coalesce(a.repo, m.repo) = m.repo AND a.row_status = 'first' AND a.event_time >= $period_start AND a.event_time < $period_end
        AND regexp_matches(a.action, '^((repository_)?secret_scanning(_push_protection)?\.disable|repo\.advanced_security_disabled)$')
    GROUP BY m.subject
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN NOT new THEN 'NOT_APPLICABLE' WHEN NOT true_positive THEN 'PASS' WHEN merged THEN 'EXCEPTION' WHEN NOT merged THEN 'PASS' ELSE 'INDETERMINATE' END AS verdict,
        CASE WHEN NOT new THEN 'found before the period' WHEN NOT true_positive THEN 'no true positive: ' || resolution WHEN merged THEN 'reached ' || reached WHEN NOT merged THEN 'its commit reached no protected branch'
             ELSE 'the alert does not tell its commit' END AS reason FROM members
    UNION ALL
    SELECT subject, 'B', CASE WHEN NOT true_positive THEN 'NOT_APPLICABLE' WHEN coalesce(resolution = 'revoked' AND resolved_at <= due, false) THEN 'PASS' WHEN due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        coalesce(resolution || ' at ' || instant_text(resolved_at), 'open') || '; due at ' || instant_text(due) FROM members
    UNION ALL
    SELECT subject, 'C', CASE WHEN NOT coalesce(push_protection_bypassed, false) THEN 'NOT_APPLICABLE' WHEN NOT coalesce(harmless, false) THEN 'EXCEPTION'
            WHEN reviewer <> bypasser AND list_contains(security, reviewer) THEN 'PASS'
            WHEN resolver <> bypasser AND list_contains(security, resolver) AND resolved_at <= business_deadline(push_protection_bypassed_at, 1) THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN NOT coalesce(push_protection_bypassed, false) THEN 'push protection was not bypassed' WHEN NOT coalesce(harmless, false) THEN 'bypassed to be mended later'
             ELSE 'bypassed as ' || resolution || coalesce('; reviewed by ' || reviewer, '') || coalesce('; resolved by ' || resolver || ' at ' || instant_text(resolved_at), '') END FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN open_ THEN 'NOT_APPLICABLE' WHEN resolution = 'revoked' OR harmless THEN CASE WHEN resolver = committer THEN 'EXCEPTION' WHEN resolver <> committer THEN 'PASS' ELSE 'INDETERMINATE' END ELSE 'EXCEPTION' END,
        CASE WHEN open_ THEN 'not closed' ELSE coalesce(resolution, 'closed without a resolution') || ' by ' || coalesce(resolver, 'somebody unknown') || '; committed by ' || coalesce(committer, 'somebody unknown') END FROM members
    UNION ALL
    SELECT subject, 'E', CASE WHEN d.subject IS NULL THEN 'PASS' ELSE 'EXCEPTION' END, coalesce('switched off at ' || instant_text(d.at_time), 'never switched off') FROM members LEFT JOIN disabled AS d USING (subject)
)
SELECT 'alerts' AS population, a.subject, a.attribute, a.verdict, a.reason, CASE WHEN a.attribute = 'D' THEN coalesce(m.resolved_at, m.created_at) ELSE m.created_at END AS event_time,
    proofs(list_concat(m.proofs, CASE WHEN a.attribute = 'E' THEN coalesce(d.proofs, []) ELSE [] END)) AS evidence,
    CASE WHEN a.attribute = 'E' THEN $period_start ELSE m.created_at END AS window_start, CASE WHEN a.attribute = 'E' THEN $period_end - INTERVAL 1 MICROSECOND ELSE m.created_at END AS window_end,
    to_json({'subject': m.subject, 'repo': m.repo, 'number': m.number, 'rule': m.secret_type, 'secret': m.subject}) AS covers
FROM answers AS a JOIN members AS m USING (subject) LEFT JOIN disabled AS d USING (subject)
