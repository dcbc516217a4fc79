-- When somebody lost an entitlement: an event that says so, or the next snapshot of what granted it without him or her.
-- `object` as in `held_entitlements`; NULL: everything in that system.
WITH events AS (
    SELECT 'github' AS system, CAST(user_id AS VARCHAR) AS account,
        CASE action WHEN 'team.remove_member' THEN 'team ' || regexp_extract(team, '([^/]+)$', 1) WHEN 'repo.remove_member' THEN 'repository ' || repo END AS object,
        event_time AS removed_at, evidence
    FROM github_audit_log WHERE action IN ('team.remove_member', 'repo.remove_member', 'org.remove_member') AND row_status = 'first'
), told AS (
    SELECT e.system, coalesce(p.principal_id, e.system || ':' || e.account) AS principal, e.object, e.removed_at, e.evidence
    FROM events AS e
    LEFT JOIN principals AS p ON p.system = e.system AND p.account_key = e.account AND e.removed_at >= p.valid_from AND (p.valid_to IS NULL OR e.removed_at < p.valid_to)
)
FROM told
UNION ALL
SELECT h.system, h.principal, h.object, h.next_at, h.evidence
FROM held_entitlements AS h
WHERE h.next_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM held_entitlements AS n WHERE n.system = h.system AND n.object = h.object AND n.as_of = h.next_at AND n.principal = h.principal)
UNION ALL
SELECT 'kubernetes', h.principal, h.object, k.called_at, k.proofs[1]
FROM kubernetes_calls AS k
JOIN held_entitlements AS h ON h.system = 'kubernetes' AND h.as_of <= k.called_at AND h.object = CASE k.resource WHEN 'rolebindings' THEN 'RoleBinding' ELSE 'ClusterRoleBinding' END || ' ' || concat_ws('/', nullif(k.namespace, ''), k.object_name)
WHERE k.verb = 'delete' AND k.resource IN ('rolebindings', 'clusterrolebindings') AND k.code < 300 AND NOT k.dry_run
