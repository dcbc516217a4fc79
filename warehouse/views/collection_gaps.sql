-- What of a stream is missing, since when it is known, who else may tell it, and which controls rest on the stream.
SELECT g.*,
    local_day(g.starts_at) AS first_day, local_day(greatest(g.starts_at, g.ends_at - INTERVAL 1 MICROSECOND)) AS last_day,
    coalesce((SELECT list(DISTINCT c.control ORDER BY c.control) FROM control_streams AS c WHERE c.stream = g.stream), []) AS controls
FROM custody_gaps AS g
