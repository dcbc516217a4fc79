-- Each version of a worker that HR told, from when it applies until the next: job, department, manager, and what they were
-- before. A version that states no effective time applies from when HR recorded it, a mere date from that day's beginning.
WITH told AS (
    SELECT *, coalesce(fields ->> '$.effective_ts', fields ->> '$.hr_effective_ts', fields ->> '$.effective_from', fields ->> '$.effective_at', fields ->> '$.effective_date', fields ->> '$.job_effective_ts', fields ->> '$.valid_from') AS effective
    FROM company_workers
), stated AS (
    SELECT worker_id, coalesce(job_code, job) AS job, department, manager_id, status, evidence, recorded_at, coalesce(fields ->> '$.previous_job_code', fields ->> '$.previous_job') AS stated_job_before, fields ->> '$.previous_department' AS stated_department_before,
        coalesce(CASE WHEN length(effective) = 10 THEN day_start(TRY_CAST(effective AS DATE)) ELSE instant(effective) END, recorded_at, hired_at) AS effective_at
    FROM told
), versions AS (
    FROM stated WHERE effective_at IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY worker_id, effective_at ORDER BY recorded_at DESC, job, department, manager_id) = 1
)
SELECT * EXCLUDE (stated_job_before, stated_department_before), coalesce(lag(job) OVER told, stated_job_before) AS job_before, coalesce(lag(department) OVER told, stated_department_before) AS department_before,
    lag(effective_at) OVER told AS before_at,
    lead(effective_at) OVER told AS until, lag(evidence) OVER told AS evidence_before
FROM versions
WINDOW told AS (PARTITION BY worker_id ORDER BY effective_at)
