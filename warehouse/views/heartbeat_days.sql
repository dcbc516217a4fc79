-- Per stream and local day that a heartbeat statement speaks of: hours without record and heartbeat. The narrower wins. A
-- statement that lists no stretches and whose counts do not balance leaves every hour in doubt.
WITH held AS (
    SELECT k.stream, CAST(p.span_from AS TIMESTAMPTZ) AS starts_at, CAST(p.span_to AS TIMESTAMPTZ) AS ends_at,
        CASE WHEN p.missing IS NOT NULL THEN CAST(p.missing AS JSON) WHEN p.present_hours >= p.expected_hours THEN CAST('[]' AS JSON)
            ELSE json_array(json_array(p.span_from, p.span_to)) END AS missing, p.evidence
    FROM evidence_heartbeats AS p
    JOIN known_streams AS k ON p.source IN (k.stream, k.alias)
    QUALIFY row_number() OVER (PARTITION BY p.natural_key ORDER BY p.collected_at DESC, p.record DESC) = 1
), daily AS (
    SELECT *, CAST(unnest(generate_series(local_day(starts_at), local_day(ends_at - INTERVAL 1 MICROSECOND), INTERVAL 1 DAY)) AS DATE) AS day
    FROM held
), chosen AS (
    SELECT * FROM daily
    WHERE starts_at <= day_start(day) AND ends_at >= day_start(day + 1)
    QUALIFY row_number() OVER (PARTITION BY stream, day ORDER BY ends_at - starts_at, starts_at DESC) = 1
), stretches AS (
    SELECT stream, day, greatest(CAST(m.value ->> '$[0]' AS TIMESTAMPTZ), day_start(day)) AS starts_at,
        least(CAST(m.value ->> '$[1]' AS TIMESTAMPTZ), day_start(day + 1)) AS ends_at
    FROM chosen, json_each(missing) AS m
)
SELECT c.stream, c.day, [c.evidence] AS evidence,
    coalesce((SELECT sum(ceil(date_diff('second', s.starts_at, s.ends_at) / 3600.0)) FROM stretches AS s
              WHERE s.stream = c.stream AND s.day = c.day AND s.ends_at > s.starts_at), 0)::BIGINT AS missing_hours
FROM chosen AS c
