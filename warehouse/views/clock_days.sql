-- Per stream and local day: how far its clock was off, in seconds (positive: ahead). The narrower statement wins.
WITH held AS (
    SELECT k.stream, p.offset_s, p.evidence,
        CASE WHEN length(coalesce(p.day, p.span_from)) = 10 THEN CAST(coalesce(p.day, p.span_from) AS DATE)
             ELSE local_day(CAST(p.span_from AS TIMESTAMPTZ)) END AS first_day,
        CASE WHEN length(coalesce(p.day, p.span_to)) = 10 THEN CAST(coalesce(p.day, p.span_to) AS DATE)
             ELSE local_day(CAST(p.span_to AS TIMESTAMPTZ) - INTERVAL 1 MICROSECOND) END AS last_day
    FROM evidence_clocks AS p
    JOIN known_streams AS k ON p.source IN (k.stream, k.alias)
    QUALIFY row_number() OVER (PARTITION BY p.natural_key ORDER BY p.collected_at DESC, p.record DESC) = 1
), daily AS (
    SELECT *, CAST(unnest(generate_series(first_day, last_day, INTERVAL 1 DAY)) AS DATE) AS day FROM held
)
SELECT stream, day, offset_s, [evidence] AS evidence
FROM daily
QUALIFY row_number() OVER (PARTITION BY stream, day ORDER BY last_day - first_day, abs(offset_s) DESC) = 1
