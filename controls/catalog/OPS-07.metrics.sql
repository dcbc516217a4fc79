WITH months AS (
    SELECT strftime(month, '%Y-%m') AS name, day_start(month) AS starts_at, day_start(month + INTERVAL 1 MONTH) AS ends_at
    FROM (SELECT CAST(unnest(generate_series(date_trunc('month', CAST(local_day($period_start) AS TIMESTAMP)), CAST(local_day($period_end) AS TIMESTAMP), INTERVAL 1 MONTH)) AS DATE) AS month)
    WHERE day_start(month) >= $period_start AND day_start(month + INTERVAL 1 MONTH) <= least($period_end, $freeze_at)
), metrics(metric, needs, goal, target) AS (
    VALUES ('deployment_frequency', ['gh.deploy', 'gh.depstatus'], 'at least 5 a week', 5.0), ('deployment_success_rate', ['gh.deploy', 'gh.depstatus'], 'at least 0.98', 0.98),
        ('lead_time', ['gh.deploy', 'gh.depstatus', 'gh.pr', 'gh.prcommit'], 'median at most 120 min', -120.0), ('mttr', ['inc'], 'mean at most 30 min', -30.0), ('pipeline_duration', ['gh.run'], 'p95 at most 25 min', -25.0)
), members AS (
    SELECT 'metric:' || m.metric || ':' || t.name AS subject, m.*, t.name, t.starts_at, t.ends_at, count(r.metric) AS n, flatten(list(r.evidence) FILTER (r.evidence IS NOT NULL)) AS proofs,
        CASE m.metric WHEN 'deployment_frequency' THEN count(r.metric) * 7.0 / date_diff('day', t.starts_at, t.ends_at) WHEN 'deployment_success_rate' THEN avg(r.measure)
            WHEN 'lead_time' THEN median(r.measure) WHEN 'mttr' THEN avg(r.measure) ELSE quantile_cont(r.measure, 0.95) END AS result
    FROM metrics AS m CROSS JOIN months AS t LEFT JOIN delivery_results AS r ON r.metric = m.metric AND r.at_time >= t.starts_at AND r.at_time < t.ends_at
    GROUP BY m.metric, m.needs, m.goal, m.target, t.name, t.starts_at, t.ends_at
), reviewed AS (
    SELECT m.*, v.review, v.held_at, v.evidence AS review_evidence, business_deadline(m.ends_at, number_at('OPS-07', 'P_REVIEW_BD', m.starts_at)) AS due, coalesce(CASE WHEN target > 0 THEN result >= target ELSE result <= -target END, true) AS met,
        coalesce(json_array_length(v.attendees), 0) > 0 AS attended, (v.thresholds ->> m.metric) IS NOT NULL AS threshold, list_filter(coalesce(json_extract(v.decisions, '$[*]'), []), lambda d: (d ->> '$.metric') = m.metric)[1] AS decision
    FROM members AS m LEFT JOIN (
        FROM company_management_reviews QUALIFY row_number() OVER (PARTITION BY month ORDER BY held_at, review) = 1
    ) AS v ON v.month = m.name
), answers AS (
    SELECT subject, 'A' AS attribute, 'PASS' AS verdict, 'computed of ' || n || ' records by the definition that the catalogue holds' AS reason FROM reviewed
    UNION ALL
    SELECT subject, 'B', CASE WHEN n = 0 AND metric <> 'deployment_frequency' THEN 'NOT_APPLICABLE' WHEN met THEN 'PASS' ELSE 'NOT_APPLICABLE' END,
        coalesce(CAST(round(result, 3) AS VARCHAR), 'nothing to measure') || ' (' || n || ' records); target: ' || goal || CASE WHEN met THEN '' ELSE '; missed, which is reported and is no exception' END FROM reviewed
    UNION ALL
    SELECT subject, 'C', CASE WHEN review IS NULL AND due > $freeze_at THEN 'NOT_APPLICABLE' WHEN held_at <= due AND attended AND (met OR (decision ->> '$.action') IS NOT NULL) THEN 'PASS' ELSE 'EXCEPTION' END,
        coalesce('review ' || review || ' at ' || instant_text(held_at), 'no review') || '; due at ' || instant_text(due) || CASE WHEN met THEN '' ELSE coalesce('; missed, action: ' || (decision ->> '$.action'), '; missed, no action') END FROM reviewed
    UNION ALL
    SELECT subject, 'E', CASE WHEN review IS NULL THEN 'NOT_APPLICABLE' WHEN threshold AND (met OR (decision ->> '$.outcome') IS NOT NULL) THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN review IS NULL THEN 'no review (C)' ELSE CASE WHEN threshold THEN 'a threshold is defined' ELSE 'no threshold is defined' END || CASE WHEN met THEN '' ELSE coalesce('; missed, outcome: ' || (decision ->> '$.outcome'), '; missed, no outcome') END END FROM reviewed
)
SELECT 'metrics' AS population, a.subject, a.attribute, a.verdict, a.reason, r.starts_at AS event_time, proofs(list_append(CASE WHEN a.attribute IN ('A', 'B') THEN coalesce(r.proofs, []) ELSE [] END, CASE WHEN a.attribute IN ('C', 'E') THEN r.review_evidence END)) AS evidence,
    r.starts_at AS window_start, CASE WHEN a.attribute IN ('A', 'B') THEN r.ends_at - INTERVAL 1 MICROSECOND ELSE r.due END AS window_end, CASE WHEN a.attribute IN ('A', 'B') THEN r.needs ELSE ['management_review'] END AS needs
FROM answers AS a JOIN reviewed AS r USING (subject)
