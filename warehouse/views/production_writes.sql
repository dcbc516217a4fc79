-- Writes in production namespaces, and to cluster-wide objects in scope, that succeeded or whose outcome is not told, and that
-- were no dry runs. `by_deployer`: by the registered deploy identity. `run_ids`: the numbers that its session names.
SELECT k.*, 'kubernetes.audit:' || k.audit_id AS subject, n.kind AS nhi_kind, n.allowed_actions, n.owner AS nhi_owner,
    coalesce(n.kind = 'deploy identity', false) AS by_deployer, n.evidence AS nhi_evidence,
    list_transform(regexp_extract_all(coalesce(k.session_name, ''), '[0-9]+'), lambda d: TRY_CAST(d AS BIGINT)) AS run_ids
FROM kubernetes_calls AS k
LEFT JOIN non_human_identities AS n ON n.nhi_id = k.principal
WHERE k.verb IN ('create', 'update', 'patch', 'delete', 'deletecollection') AND coalesce(k.code < 300, true) AND NOT k.dry_run
    AND (k.namespace IN (SELECT namespace FROM scope_namespaces)
        OR (coalesce(k.namespace, '') = '' AND k.resource IN (SELECT resource FROM scope_cluster_resources)))
    AND NOT (k.resource = 'pods' AND coalesce(k.subresource, '') IN ('exec', 'attach', 'portforward', 'proxy'))
