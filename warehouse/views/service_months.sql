-- Availability of services by month, as their health checks tell it: samples without a failure, of all samples; and how
-- much of the month the samples cover, by the usual distance between two. What is not covered is not counted as up.
WITH samples AS (
    SELECT p.service, epoch_millis(CAST(round(TRY_CAST(v.value ->> '$[0]' AS DOUBLE) * 1000) AS BIGINT)) AS at_time, TRY_CAST(v.value ->> '$[1]' AS DOUBLE) AS failures, p.evidence
    FROM prometheus_ranges AS p, json_each(p.sample_values) AS v WHERE p.measure = 'health_check_failures'
), spaced AS (
    SELECT *, CAST(date_trunc('month', local_day(at_time)) AS DATE) AS month, date_diff('second', lag(at_time) OVER (PARTITION BY service ORDER BY at_time), at_time) AS step FROM samples WHERE failures IS NOT NULL AND at_time IS NOT NULL
)
SELECT service, month, count(*) AS samples, count(*) FILTER (failures > 0) AS failed, 1 - count(*) FILTER (failures > 0) / count(*) AS availability, max(at_time) FILTER (failures > 0) AS failed_at,
    least(1, count(*) * median(step) / date_diff('second', day_start(month), day_start(month + INTERVAL 1 MONTH))) AS covered, proofs(list(evidence)) AS evidence
FROM spaced GROUP BY service, month
