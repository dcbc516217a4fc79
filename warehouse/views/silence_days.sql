-- Per stream and local day: is it disproved that the source was silent? By a heartbeat statement, else by a record in
-- every hour of logs that are tailed, else, where the source was asked, by its complete answer.
WITH hours AS (
    SELECT 'vault.audit' AS stream, local_day(event_time) AS day, date_trunc('hour', event_time) AS hour FROM vault_audit
    UNION
    SELECT 'kubernetes.audit', local_day(stage_time), date_trunc('hour', stage_time) FROM kubernetes_audit
), full_days AS (
    SELECT stream, day FROM hours GROUP BY ALL
    HAVING count(*) >= date_diff('hour', day_start(day), day_start(day + 1))
)
SELECT p.stream, p.day,
    p.complete AND coalesce(
        h.missing_hours = 0,
        f.day IS NOT NULL OR (p.stream NOT IN (SELECT stream FROM hours) AND p.stream NOT IN ('vault.audit', 'kubernetes.audit'))
    ) AS disproved
FROM partition_days AS p
LEFT JOIN heartbeat_days AS h ON h.stream = p.stream AND h.day = p.day
LEFT JOIN full_days AS f ON f.stream = p.stream AND f.day = p.day
