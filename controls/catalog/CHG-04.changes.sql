WITH members AS (
    SELECT * FROM merged_changes WHERE merged_at >= $period_start AND merged_at < $period_end
), required AS (
    -- Checks that the scope requires, and those that the branch's settings of the day did.
    SELECT m.change, list_distinct(list_concat(any_value(s.required_checks), coalesce(flatten(list(p.checks)), []))) AS checks
    FROM members AS m JOIN scope_repositories AS s ON s.repo = m.repo
    LEFT JOIN required_checks AS p ON p.repo = m.repo AND p.branch = m.base_ref AND p.day = local_day(m.merged_at)
    GROUP BY m.change
), runs AS (
    SELECT m.change, c.name, max_by(c.conclusion, c.completed_at) AS conclusion, count(*) AS times, bool_or(c.conclusion NOT IN ('success', 'neutral', 'skipped')) AS failed_once, list(c.evidence) AS proofs
    FROM members AS m JOIN github_check_runs AS c ON c.repo = m.repo AND c.head_sha = m.head_sha AND c.completed_at <= m.merged_at
    GROUP BY m.change, c.name
), judged AS (
    SELECT m.change, r.checks, coalesce(list(x.name) FILTER (list_contains(r.checks, x.name) AND (x.conclusion = 'success'
            OR (x.conclusion IN ('neutral', 'skipped') AND list_contains(CAST(parameter_at('CHG-04', 'P_SKIP_OK', m.merged_at) AS JSON)::VARCHAR[], x.name)))), []) AS good,
        string_agg(x.name, ', ' ORDER BY x.name) FILTER (x.failed_once AND x.conclusion = 'success') AS rerun, coalesce(flatten(list(x.proofs)), []) AS proofs
    FROM members AS m JOIN required AS r ON r.change = m.change LEFT JOIN runs AS x ON x.change = m.change
    GROUP BY ALL
), disabled AS (
    SELECT m.change, min(a.event_time) AS disabled_at, list(a.evidence) AS proofs
    FROM members AS m JOIN github_audit_log AS a ON a.repo = m.repo AND a.action = 'workflows.disable_workflow' AND a.event_time >= m.created_at AND a.event_time < m.merged_at
    GROUP BY m.change
), answers AS (
    SELECT change, 'A' AS attribute, CASE WHEN len(checks) = 0 THEN 'NOT_APPLICABLE' WHEN list_has_all(good, checks) THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
        CASE WHEN len(checks) = 0 THEN 'no check is required' WHEN list_has_all(good, checks) THEN 'succeeded: ' || array_to_string(list_sort(checks), ', ')
             ELSE 'did not succeed: ' || array_to_string(list_sort(list_filter(checks, lambda c: NOT list_contains(good, c))), ', ') END AS reason, proofs
    FROM judged
    UNION ALL
    SELECT change, 'C', CASE WHEN rerun IS NULL THEN 'NOT_APPLICABLE' ELSE 'PASS' END, coalesce('succeeded when run again: ' || rerun, 'nothing was run again'), proofs FROM judged
    UNION ALL
    SELECT m.change, 'D', CASE WHEN d.change IS NULL THEN 'PASS' ELSE 'EXCEPTION' END, coalesce('a workflow was disabled at ' || instant_text(d.disabled_at), 'no workflow was disabled'), coalesce(d.proofs, [])
    FROM members AS m LEFT JOIN disabled AS d USING (change)
)
SELECT 'changes' AS population, a.change AS subject, a.attribute, a.verdict, a.reason, m.merged_at AS event_time, proofs(list_append(a.proofs, m.evidence)) AS evidence,
    m.created_at AS window_start, m.merged_at AS window_end, [a.change] AS changes
FROM answers AS a JOIN members AS m USING (change)
