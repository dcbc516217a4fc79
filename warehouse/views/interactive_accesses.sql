-- Interactive accesses of people to production namespaces (APD-12): exec, attach, port-forward and ephemeral containers by
-- any verb (WebSocket asks with get), reading of secrets, and the node proxy; refused ones are none, those whose outcome is not
-- told are.
SELECT *, 'kubernetes.audit:' || audit_id AS subject,
    CASE WHEN resource = 'pods' THEN object_name END AS pod
FROM kubernetes_calls
WHERE by_person AND NOT dry_run AND coalesce(code IN (101, 200, 201), true) AND (
    (namespace IN (SELECT namespace FROM scope_namespaces) AND (
        subresource IN ('exec', 'attach', 'portforward', 'ephemeralcontainers')
        OR (resource = 'secrets' AND subresource IS NULL AND verb IN ('get', 'list', 'watch'))))
    OR (resource = 'nodes' AND subresource = 'proxy'))
