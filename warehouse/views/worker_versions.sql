-- Each version of a worker that HR told, from when it applies until the next: job, department, manager. A version that
-- states no effective time applies from when HR recorded it.
WITH stated AS (
    SELECT worker_id, coalesce(job_code, job) AS job, department, manager_id, status, evidence, recorded_at,
        coalesce(instant(fields ->> '$.effective_ts'), instant(fields ->> '$.effective_from'), instant(fields ->> '$.hr_effective_ts'),
            instant(fields ->> '$.effective_at'), instant(fields ->> '$.valid_from'), recorded_at, hired_at) AS effective_at
    FROM company_workers
), versions AS (
    FROM stated WHERE effective_at IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY worker_id, effective_at ORDER BY recorded_at DESC, job, department, manager_id) = 1
)
SELECT *, lag(job) OVER told AS job_before, lag(department) OVER told AS department_before, lag(effective_at) OVER told AS before_at,
    lead(effective_at) OVER told AS until, lag(evidence) OVER told AS evidence_before
FROM versions
WINDOW told AS (PARTITION BY worker_id ORDER BY effective_at)
