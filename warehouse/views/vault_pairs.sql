-- One row per Vault call over all its audit devices: was it asked and answered, and which devices lack a line that
-- another one has. `judged`: it lies far enough within what was collected that its other line must be there.
WITH calls AS (
    SELECT request_id, min(event_time) AS first_at, max(event_time) AS last_at,
        bool_or(type = 'request') AS asked, bool_or(type = 'response') AS answered,
        count(DISTINCT type) AS kinds, count(DISTINCT (type, device)) AS lines, any_value(operation) AS operation,
        any_value(path) AS path, min(evidence) AS evidence
    FROM vault_audit
    WHERE request_id IS NOT NULL AND type IN ('request', 'response')
    GROUP BY request_id
), held AS (
    SELECT min(event_time) + INTERVAL 5 MINUTE AS begins_at, max(event_time) - INTERVAL 5 MINUTE AS ends_at FROM vault_audit
), written AS (
    SELECT local_day(event_time) AS day, count(DISTINCT device) AS devices FROM vault_audit GROUP BY ALL
)
SELECT c.request_id, local_day(c.first_at) AS day, c.first_at AS called_at, c.operation, c.path, c.asked, c.answered,
    greatest(w.devices, 1) * c.kinds - c.lines AS lines_missing, w.devices,
    (c.answered OR c.first_at < h.ends_at) AND (c.asked OR c.last_at > h.begins_at) AS judged, c.evidence
FROM calls AS c, held AS h
JOIN written AS w ON w.day = local_day(c.first_at)
