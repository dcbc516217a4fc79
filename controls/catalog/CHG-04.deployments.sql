WITH members AS (
    SELECT d.*, CAST(parameter_at('CHG-04', 'P_REQUIRED_TEST_JOBS', d.created_at) AS JSON)::VARCHAR[] AS required,
        span_at('CHG-04', 'P_WATCH', d.created_at) AS watch, span_at('CHG-04', 'P_ROLLBACK', d.created_at) AS patience
    FROM production_deployments AS d
    WHERE (succeeded_at IS NOT NULL OR failed_at IS NOT NULL) AND created_at >= $period_start AND created_at < $period_end
), passed AS (
    SELECT m.subject, list_distinct(list(t.name)) AS names, list(t.evidence) AS proofs
    FROM members AS m
    JOIN (
        SELECT r.repo, r.head_sha, lower(j.name) AS name, j.completed_at AS ended_at, j.evidence
        FROM run_attempts AS r JOIN github_workflow_jobs AS j ON j.run_id = r.run_id AND j.run_attempt = r.run_attempt WHERE j.conclusion = 'success'
        UNION ALL
        SELECT repo, head_sha, lower(name), completed_at, evidence FROM github_check_runs WHERE conclusion = 'success'
    ) AS t ON t.repo = m.repo AND t.head_sha = m.sha AND t.ended_at <= m.created_at
    GROUP BY m.subject
), samples AS (
    SELECT p.service, p.measure, epoch_millis(CAST(round(TRY_CAST(v.value ->> '$[0]' AS DOUBLE) * 1000) AS BIGINT)) AS sampled_at, TRY_CAST(v.value ->> '$[1]' AS DOUBLE) AS value, p.evidence
    FROM prometheus_ranges AS p, json_each(p.sample_values) AS v
), watched AS (
    SELECT m.subject, count(*) AS seen, min(s.sampled_at) FILTER ((s.measure = 'error_rate' AND s.value > 0.01) OR (s.measure = 'response_time_p95' AND s.value > 0.5)
        OR (s.measure = 'health_check_failures' AND s.value > 2)) AS breached_at, list(s.evidence) AS proofs
    FROM members AS m
    JOIN samples AS s ON s.service = m.service AND s.sampled_at >= coalesce(m.succeeded_at, m.created_at) AND s.sampled_at <= coalesce(m.succeeded_at, m.created_at) + m.watch
    GROUP BY m.subject
), answered AS (
    SELECT m.subject, min(d.created_at) AS rolled_back_at, flatten(list(d.evidence)) AS proofs
    FROM members AS m
    JOIN watched AS w ON w.subject = m.subject AND w.breached_at IS NOT NULL
    JOIN deployment_facts AS d ON d.repo = m.repo AND d.environment = m.environment AND d.rollback AND d.created_at >= w.breached_at AND d.created_at <= w.breached_at + m.patience
    GROUP BY m.subject
), answers AS (
    SELECT m.subject, 'B' AS attribute, CASE WHEN list_has_all(coalesce(p.names, []), m.required) THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
        CASE WHEN list_has_all(coalesce(p.names, []), m.required) THEN 'succeeded before: ' || array_to_string(m.required, ', ')
             ELSE 'not succeeded before: ' || array_to_string(list_filter(m.required, lambda r: NOT list_contains(coalesce(p.names, []), r)), ', ') END AS reason, coalesce(p.proofs, []) AS proofs
    FROM members AS m LEFT JOIN passed AS p USING (subject)
    UNION ALL
    SELECT m.subject, 'E',
        CASE WHEN w.subject IS NULL THEN 'INDETERMINATE' WHEN w.breached_at IS NULL OR a.rolled_back_at IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN w.subject IS NULL THEN 'no measurement after the deployment' WHEN w.breached_at IS NULL THEN 'no limit was passed; samples: ' || w.seen
             WHEN a.rolled_back_at IS NOT NULL THEN 'a limit was passed at ' || instant_text(w.breached_at) || ', the rollback began ' || date_diff('second', w.breached_at, a.rolled_back_at) || ' s later'
             ELSE 'a limit was passed at ' || instant_text(w.breached_at) || ', no rollback in time' END,
        list_concat(coalesce(w.proofs, []), coalesce(a.proofs, []))
    FROM members AS m LEFT JOIN watched AS w USING (subject) LEFT JOIN answered AS a USING (subject)
)
SELECT 'deployments' AS population, a.subject, a.attribute, a.verdict, a.reason, m.created_at AS event_time, proofs(list_concat(m.evidence, a.proofs)) AS evidence,
    m.created_at AS window_start, CASE WHEN a.attribute = 'E' THEN coalesce(m.succeeded_at, m.created_at) + m.watch ELSE m.created_at END AS window_end, [a.subject] AS changes
FROM answers AS a JOIN members AS m USING (subject)
