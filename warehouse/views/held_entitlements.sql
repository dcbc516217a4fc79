-- Entitlements that people and machines hold by snapshots of what grants them, per observation: membership of the
-- organisation and its teams, of repositories, of Vault's groups, and bindings in the cluster. `object` is what grants;
-- `next_at` is when the same object was observed next.
WITH teams AS (
    SELECT *, lead(as_of) OVER (PARTITION BY team_id ORDER BY as_of) AS next_at FROM github_teams
), vaults AS (
    SELECT *, lead(as_of) OVER (PARTITION BY group_id ORDER BY as_of) AS next_at FROM vault_groups
), bindings AS (
    SELECT *, lead(as_of) OVER (PARTITION BY kind, namespace, name ORDER BY as_of) AS next_at FROM kubernetes_rbac WHERE kind IN ('RoleBinding', 'ClusterRoleBinding')
), observed AS (
    SELECT DISTINCT as_of FROM github_members
), collaborating AS (
    SELECT DISTINCT repo, as_of FROM github_collaborators
), held AS (
    SELECT 'github' AS system, m.value ->> '$.id' AS account, 'team ' || t.slug AS object, [t.slug] AS names, t.as_of, t.next_at, t.evidence
    FROM teams AS t, json_each(t.members) AS m
    UNION ALL
    SELECT 'github', CAST(m.user_id AS VARCHAR), 'organisation', [v.value, m.role], m.as_of, (SELECT min(o.as_of) FROM observed AS o WHERE o.as_of > m.as_of), m.evidence
    FROM github_members AS m, scope_values AS v WHERE v.name = 'org' AND m.user_type IS DISTINCT FROM 'Bot'
    UNION ALL
    SELECT 'github', CAST(c.user_id AS VARCHAR), 'repository ' || c.repo, [c.repo, c.role_name], c.as_of, (SELECT min(o.as_of) FROM collaborating AS o WHERE o.repo = c.repo AND o.as_of > c.as_of), c.evidence
    FROM github_collaborators AS c
    UNION ALL
    SELECT 'vault', lower(e.value ->> '$'), 'group ' || g.name, [g.name], g.as_of, g.next_at, g.evidence
    FROM vaults AS g, json_each(g.member_entity_ids) AS e
    UNION ALL
    SELECT 'kubernetes', lower(s.value ->> '$.name'), b.kind || ' ' || concat_ws('/', nullif(b.namespace, ''), b.name), [b.name, b.role_name], b.as_of, b.next_at, b.evidence
    FROM bindings AS b, json_each(b.subjects) AS s WHERE (s.value ->> '$.kind') = 'User'
)
SELECT h.*, coalesce(p.principal_id, h.system || ':' || h.account) AS principal, coalesce(p.principal_type, 'unresolved') AS principal_type
FROM held AS h
LEFT JOIN principals AS p ON p.system = h.system AND p.account_key = h.account AND h.as_of >= p.valid_from AND (p.valid_to IS NULL OR h.as_of < p.valid_to)
WHERE h.account IS NOT NULL
