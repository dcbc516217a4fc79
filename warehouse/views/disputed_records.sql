-- Records that changed in a source that only ever appends, and records that were first seen after others of their stream
-- had been seen for good. When a record was seen: the time of the fetch that brought it, else of its collection.
WITH seen AS (
    SELECT r.*, coalesce(f.fetched_at, r.collected_at) AS seen_at, f.fetched_at IS NOT NULL AS by_named_fetch
    FROM stream_records AS r
    LEFT JOIN evidence_fetches AS f ON f.fetch_name = r."fetch"
), streams_seen AS (
    SELECT stream, min(seen_at) AS first_seen_at FROM seen GROUP BY stream
)
SELECT s.stream, s.event_key, s.stream || ':' || s.event_key AS subject, min(s.event_time) AS event_time,
    bool_or(s.row_status = 'conflict') AS mutated, min(s.seen_at) AS seen_at,
    bool_or(s.by_named_fetch) OR min(f.first_seen_at) < min(s.seen_at) AS had_been_collected, count(*) AS versions,
    proofs(list(s.evidence)) AS evidence
FROM seen AS s
JOIN streams_seen AS f ON f.stream = s.stream
GROUP BY s.stream, s.event_key
HAVING bool_or(s.row_status = 'conflict') OR (bool_and(s.row_status = 'first' OR s.row_status = 'version')
    AND (bool_or(s.by_named_fetch) OR min(f.first_seen_at) < min(s.seen_at)))
