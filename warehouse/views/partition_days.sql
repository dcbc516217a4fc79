-- What is known of each stream and local day: was everything collected, and was the source heard all day long?
-- Of claims that speak of one day the narrower wins; of a stream's receipts for a day, one complete one is enough.
WITH imported AS (
    SELECT k.stream, p.evidence,
        CASE WHEN p.status = 'complete' AND (coalesce(p.manifest ->> '$.next_cursor', '') <> ''
            OR len(list_filter(coalesce(CAST(p.manifest -> '$.http_status' AS BIGINT[]), []), lambda s: s NOT IN (200, 304))) > 0)
        THEN 'partial' ELSE p.status END AS status,
        CASE WHEN length(coalesce(p.day, p.span_from)) = 10 THEN CAST(coalesce(p.day, p.span_from) AS DATE)
             ELSE local_day(CAST(p.span_from AS TIMESTAMPTZ)) END AS first_day,
        CASE WHEN length(coalesce(p.day, p.span_to)) = 10 THEN CAST(coalesce(p.day, p.span_to) AS DATE)
             ELSE local_day(CAST(p.span_to AS TIMESTAMPTZ) - INTERVAL 1 MICROSECOND) END AS last_day
    FROM evidence_partitions AS p
    JOIN known_streams AS k ON p.source IN (k.stream, k.alias)
    QUALIFY row_number() OVER (PARTITION BY p.natural_key ORDER BY p.collected_at DESC, p.record DESC) = 1
), claims AS (
    SELECT stream, CAST(unnest(generate_series(first_day, last_day, INTERVAL 1 DAY)) AS DATE) AS day,
        date_diff('day', first_day, last_day) AS width, status,
        CASE WHEN status = 'complete' THEN 3 WHEN status = 'partial' THEN 2 ELSE 1 END AS preference,
        'its partition is ' || status AS reason, [evidence] AS evidence
    FROM imported
    UNION ALL
    SELECT stream, day, 0, status, CASE WHEN status = 'complete' THEN 5 ELSE 4 END,
        concat_ws(': ', 'receipt ' || left(receipt, 12) || '… is ' || status, nullif(reason, '')), []
    FROM custody_partitions
), chosen AS (
    -- Imported statements of one width: the worst of them; above receipts, of which the best.
    SELECT * FROM claims
    QUALIFY row_number() OVER (
        PARTITION BY stream, day
        ORDER BY width, preference >= 4, CASE WHEN preference >= 4 THEN -preference ELSE preference END
    ) = 1
)
SELECT c.stream, c.day, c.status,
    c.status = 'complete' AND coalesce(h.missing_hours, 0) = 0 AS complete,
    concat_ws('; ', CASE WHEN c.status <> 'complete' THEN c.reason END,
        CASE WHEN h.missing_hours > 0 THEN 'neither record nor heartbeat for ' || h.missing_hours || ' h' END) AS reason,
    proofs(list_concat(c.evidence, coalesce(h.evidence, []))) AS evidence
FROM chosen AS c
LEFT JOIN heartbeat_days AS h ON h.stream = c.stream AND h.day = c.day
