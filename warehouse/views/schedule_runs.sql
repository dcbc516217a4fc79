-- Runs of scheduled jobs: those that the scheduler tells, and GitHub's scheduled workflows (`org/repo/path of the workflow`).
-- `succeeded` is NULL where the outcome is not known; `automatic`: no person started it.
SELECT schedule AS schedule_id, started_at, finished_at, logical_time, ticket, lower(status) AS outcome,
    lower(status) IN ('success', 'succeeded', 'complete', 'completed', 'ok', 'passed') AS succeeded, coalesce(fields ->> '$.trigger', '') <> 'manual' AS automatic, evidence
FROM (
    FROM company_job_runs QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
)
UNION ALL
SELECT repo || '/' || path, started_at, ended_at, NULL, NULL, conclusion, conclusion = 'success', run_attempt = 1, evidence
FROM run_attempts WHERE trigger_event = 'schedule'
