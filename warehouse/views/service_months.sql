-- Availability of services by month: the share of health checks without a failure, else one less the error rate; and how
-- much of the month the samples cover, by the usual distance between two. What is not covered is not counted as up.
WITH samples AS (
    SELECT p.service, p.measure, epoch_millis(CAST(round(TRY_CAST(v.value ->> '$[0]' AS DOUBLE) * 1000) AS BIGINT)) AS at_time, p.evidence,
        CASE p.measure WHEN 'health_check_failures' THEN CAST(TRY_CAST(v.value ->> '$[1]' AS DOUBLE) > 0 AS DOUBLE) ELSE TRY_CAST(v.value ->> '$[1]' AS DOUBLE) END AS failing
    FROM prometheus_ranges AS p, json_each(p.sample_values) AS v WHERE p.measure IN ('health_check_failures', 'error_rate')
), spaced AS (
    SELECT *, CAST(date_trunc('month', local_day(at_time)) AS DATE) AS month, date_diff('second', lag(at_time) OVER (PARTITION BY service, measure ORDER BY at_time), at_time) AS step FROM samples WHERE failing IS NOT NULL AND at_time IS NOT NULL
)
SELECT service, month, measure, count(*) AS samples, 1 - avg(failing) AS availability, max(at_time) FILTER (failing > 0) AS failed_at,
    least(1, count(*) * median(step) / date_diff('second', day_start(month), day_start(month + INTERVAL 1 MONTH))) AS covered, proofs(list(evidence)) AS evidence
FROM spaced GROUP BY service, month, measure
QUALIFY row_number() OVER (PARTITION BY service, month ORDER BY measure DESC) = 1
