-- Drift checks of infrastructure: plans that tell an exit code (or that a schedule started), and runs of scheduled jobs that
-- name a workspace. `found`: the addresses that had drifted.
WITH scheduled AS (
    SELECT schedule_id, fields ->> '$.workspace' AS workspace, owner, evidence FROM company_schedules
    WHERE (fields ->> '$.workspace') IS NOT NULL OR regexp_matches(schedule_id, '(?i)drift')
    QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), jobs AS (
    SELECT *, coalesce(TRY_CAST(fields -> '$.drift' AS JSON[]), TRY_CAST(fields -> '$.findings' AS JSON[]), TRY_CAST(fields -> '$.resource_drift' AS JSON[]), []) AS drifted FROM company_job_runs
    QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
)
SELECT p.workspace, p.created_at AS started_at, NOT coalesce(p.errored, false) AND coalesce(p.exit_code <> 1, true) AS successful, p.exit_code,
    coalesce(list_transform(TRY_CAST(p.drift AS JSON[]), lambda d: d ->> '$.address'), []) AS found, 'tf.plan' AS source, p.evidence
FROM terraform_plans AS p LEFT JOIN (SELECT DISTINCT run_id FROM github_workflow_runs WHERE trigger_event = 'schedule') AS r ON r.run_id = p.run_id
WHERE p.workspace IS NOT NULL AND (p.exit_code IS NOT NULL OR r.run_id IS NOT NULL)
UNION ALL
SELECT coalesce(j.fields ->> '$.workspace', s.workspace, regexp_extract(j.schedule, '(?i)drift[-_/]?(.*)$', 1)), j.started_at, lower(j.status) IN ('success', 'succeeded', 'ok', 'completed'), TRY_CAST(j.fields ->> '$.exit_code' AS BIGINT),
    list_transform(j.drifted, lambda d: CASE WHEN json_type(d) = 'OBJECT' THEN d ->> '$.address' ELSE d ->> '$' END), 'job_run', j.evidence
FROM jobs AS j LEFT JOIN scheduled AS s ON s.schedule_id = j.schedule
WHERE (j.fields ->> '$.workspace') IS NOT NULL OR s.schedule_id IS NOT NULL
