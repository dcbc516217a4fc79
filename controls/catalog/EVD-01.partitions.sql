WITH members AS (
    SELECT s.stream, d.day FROM (SELECT DISTINCT stream FROM partition_days) AS s,
        (SELECT CAST(unnest(generate_series(CAST(local_day($period_start) AS TIMESTAMP),
            CAST(local_day(least($period_end, $freeze_at) - INTERVAL 1 MICROSECOND) AS TIMESTAMP), INTERVAL 1 DAY)) AS DATE) AS day) AS d
), agreed AS (
    SELECT stream, day, bool_and(agrees) AS agrees,
        coalesce(string_agg(DISTINCT found, '; ' ORDER BY found) FILTER (NOT agrees), min(found)) AS found, flatten(list(evidence)) AS proofs
    FROM independent_counts GROUP BY ALL
), probed AS (
    SELECT DISTINCT stream FROM clock_days
)
SELECT 'partitions' AS population, m.stream || ':' || m.day AS subject, 'A' AS attribute,
    CASE WHEN p.status = 'complete' THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
    CASE WHEN p.stream IS NULL THEN 'nothing says that it was collected' WHEN p.status = 'complete' THEN 'complete' ELSE p.reason END AS reason,
    day_start(m.day) AS event_time, coalesce(p.evidence, []) AS evidence
FROM members AS m LEFT JOIN partition_days AS p ON p.stream = m.stream AND p.day = m.day
UNION ALL
SELECT 'partitions', m.stream || ':' || m.day, 'B', CASE WHEN c.stream IS NULL THEN 'NOT_APPLICABLE' WHEN c.agrees THEN 'PASS' ELSE 'EXCEPTION' END,
    coalesce(c.found, 'no independent count is offered for the day'), day_start(m.day), proofs(coalesce(c.proofs, []))
FROM members AS m LEFT JOIN agreed AS c ON c.stream = m.stream AND c.day = m.day
UNION ALL
SELECT 'partitions', m.stream || ':' || m.day, 'E',
    CASE WHEN k.stream IS NOT NULL THEN CASE WHEN abs(k.offset_s) <= number_at('EVD-01', 'P_CLOCK_SKEW', day_start(m.day)) THEN 'PASS' ELSE 'EXCEPTION' END
         WHEN q.stream IS NULL THEN 'NOT_APPLICABLE' ELSE 'INDETERMINATE' END,
    CASE WHEN k.stream IS NOT NULL THEN 'off by ' || k.offset_s || ' s' WHEN q.stream IS NULL THEN 'no clock of its own is probed' ELSE 'not probed on this day' END,
    day_start(m.day), coalesce(k.evidence, [])
FROM members AS m
LEFT JOIN clock_days AS k ON k.stream = m.stream AND k.day = m.day
LEFT JOIN probed AS q ON q.stream = m.stream
