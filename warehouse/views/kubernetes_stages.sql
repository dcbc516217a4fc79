-- One row per request to the Kubernetes API that was received: did it come to an end? Watches and streams end when their
-- client lets go, so that their start is enough. Requests whose rule leaves out the first stage are not among them.
SELECT audit_id, local_day(min(stage_time)) AS day, min(stage_time) AS received_at, any_value(verb) AS verb,
    any_value(resource) AS resource, any_value(subresource) AS subresource,
    bool_or(stage IN ('ResponseComplete', 'Panic')) AS completed, bool_or(stage = 'ResponseStarted') AS started,
    bool_or(verb = 'watch' OR subresource IN ('exec', 'attach', 'portforward', 'log', 'proxy')) AS lasting,
    min(stage_time) < (SELECT max(stage_time) - INTERVAL 5 MINUTE FROM kubernetes_audit) AS judged, min(evidence) AS evidence
FROM kubernetes_audit
WHERE audit_id IS NOT NULL
GROUP BY audit_id
HAVING bool_or(stage = 'RequestReceived')
