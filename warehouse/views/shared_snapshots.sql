-- Snapshots that were shared with other accounts (CloudTrail), and the masking job that followed within a day.
WITH shared AS (
    SELECT event_id, event_time, event_name, evidence, list_distinct(list_concat(coalesce(TRY_CAST(shared_with AS VARCHAR[]), []), coalesce(list_transform(TRY_CAST(volume_shared_with AS JSON[]), lambda i: i ->> '$.userId'), []))) AS accounts
    FROM aws_cloudtrail WHERE row_status = 'first' AND error_code IS NULL AND event_name IN ('ModifyDBSnapshotAttribute', 'ModifyDBClusterSnapshotAttribute', 'ModifySnapshotAttribute')
)
SELECT s.event_id, s.event_time, s.event_name, list_filter(s.accounts, lambda a: NOT list_contains(o.accounts, a)) AS foreign_accounts,
    bool_or(j.schedule IS NOT NULL) AS masked, proofs(list_concat(list(s.evidence), list(j.evidence))) AS proofs
FROM shared AS s
CROSS JOIN (SELECT coalesce(list(worker_id), []) AS accounts FROM scope_people WHERE role = 'prod_accounts') AS o
LEFT JOIN company_job_runs AS j ON regexp_matches(j.schedule, '(?i)mask|anonymi|sanitis|sanitiz') AND lower(j.status) IN ('success', 'succeeded', 'ok', 'completed') AND j.started_at >= s.event_time AND j.started_at < s.event_time + INTERVAL 1 DAY
WHERE len(s.accounts) > 0
GROUP BY ALL
