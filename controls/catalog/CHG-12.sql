WITH days AS (
    SELECT CAST(unnest(generate_series(CAST(local_day($period_start) AS TIMESTAMP), CAST(local_day(least($period_end, $freeze_at)) AS TIMESTAMP) - INTERVAL 1 DAY, INTERVAL 1 DAY)) AS DATE) AS day
), runs AS (
    SELECT w.workspace, any_value(w.source) AS source, d.day, count(r.started_at) AS checks, coalesce(bool_or(r.successful), false) AS successful, coalesce(bool_or(r.successful AND r.exit_code IN (0, 2)), false) AS told, list(r.evidence) AS proofs
    FROM workspaces AS w CROSS JOIN days AS d LEFT JOIN drift_runs AS r ON r.workspace = w.workspace AND local_day(r.started_at) = d.day
    GROUP BY w.workspace, d.day
)
SELECT 'runs' AS population, workspace || ':' || day AS subject, 'A' AS attribute, CASE WHEN told THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
    CASE WHEN told THEN 'checked' WHEN successful THEN 'checked, but the exit code was not recorded' WHEN checks > 0 THEN 'the check failed' ELSE 'no check as far as known' END AS reason,
    day_start(day) AS event_time, proofs(proofs) AS evidence, CASE WHEN checks > 0 THEN [] ELSE [source] END AS needs, to_json({'workspace': workspace}) AS covers
FROM runs
