-- Each worker as HR states it last. A termination that is a mere date ends with that day in the company's zone.
SELECT worker_id, name, email, status, hired_at, recorded_at, manager_id, job, evidence,
    CASE WHEN length(fields ->> '$.termination_ts') = 10 THEN day_start(CAST(fields ->> '$.termination_ts' AS DATE) + 1)
         ELSE terminated_at END AS terminated_at,
    instant(fields ->> '$.recorded_ts') AS termination_recorded_at
FROM company_workers
QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, recorded_at DESC, record DESC) = 1
