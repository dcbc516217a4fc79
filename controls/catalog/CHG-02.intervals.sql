WITH members AS (
    SELECT * FROM weakened_intervals
    WHERE weakened_at < $period_end AND (restored_at IS NULL OR restored_at > $period_start)
), tickets_before AS (
    SELECT m.subject, min(t.ticket_key) AS ticket, list(t.evidence) AS proofs
    FROM members AS m
    JOIN tickets AS t ON t.scope_repo = m.repo AND t.scope_pull IS NULL AND t.scope_deployment IS NULL
        AND coalesce(t.scope ->> '$.branch', m.branch) = m.branch
        AND t.approved_at <= m.weakened_at AND coalesce(t.valid_to, t.closed_at, t.approved_at + INTERVAL 7 DAY) >= m.weakened_at
        AND NOT list_contains(coalesce(m.weakeners, []), t.approver) AND t.approver <> t.requester
    GROUP BY m.subject
), reached AS (
    SELECT r.subject, string_agg(r.what, ', ' ORDER BY r.reached_at, r.what) AS what, bool_and(r.approved) AS approved,
        bool_or(list_has_any(r.people, coalesce(m.weakeners, []))) AS own, list(r.evidence) AS proofs
    FROM changes_while_weak AS r JOIN members AS m USING (subject) GROUP BY r.subject
), facts AS (
    SELECT m.*, t.ticket, t.proofs AS ticket_proofs, r.what, r.approved, coalesce(r.own, false) AS own,
        (m.events = 0 OR m.unresolved) AND r.what IS NOT NULL AND NOT coalesce(r.own, false) AS unknown, r.proofs AS reached_proofs,
        coalesce(date_diff('second', m.weakened_at, m.restored_at) || ' s', 'not restored')
            || coalesce(' (' || m.actions || ')', ' (seen in snapshots only)') AS length
    FROM members AS m LEFT JOIN tickets_before AS t USING (subject) LEFT JOIN reached AS r USING (subject)
), answers AS (
    SELECT subject, 'B' AS attribute, CASE WHEN ticket IS NULL THEN 'EXCEPTION' ELSE 'PASS' END AS verdict,
        'weak for ' || length || coalesce('; approved by ticket ' || ticket, '; no approved ticket before it') AS reason, ticket_proofs AS proofs
    FROM facts
    UNION ALL
    SELECT subject, 'C', CASE WHEN what IS NULL THEN 'PASS' WHEN own OR NOT approved THEN 'EXCEPTION' WHEN unknown THEN 'INDETERMINATE' ELSE 'PASS' END,
        coalesce('reached the branch meanwhile: ' || what, 'nothing reached the branch meanwhile'), reached_proofs
    FROM facts
    UNION ALL
    SELECT subject, 'D', CASE WHEN own THEN 'EXCEPTION' WHEN unknown THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN own THEN 'who weakened it is author or merger of ' || what WHEN unknown THEN 'who weakened it is not known'
             ELSE 'who weakened it is neither author nor merger of anything meanwhile' END, reached_proofs
    FROM facts
)
SELECT 'intervals' AS population, a.subject, a.attribute, a.verdict, a.reason, f.weakened_at AS event_time,
    proofs(list_concat(f.evidence, coalesce(a.proofs, []))) AS evidence, f.weakened_at AS window_start, coalesce(f.restored_at, $period_end) AS window_end
FROM answers AS a JOIN facts AS f USING (subject)
UNION ALL
-- An event that does not tell what it set may have weakened.
SELECT 'population', 'population:' || local_day(told_at), '*', 'INDETERMINATE', 'not told what it set: ' || string_agg(DISTINCT action, ', ' ORDER BY action), NULL, proofs(list(evidence)), NULL, NULL
FROM protection_events WHERE weakens IS NULL AND told_at >= $period_start AND told_at < $period_end
GROUP BY local_day(told_at)
