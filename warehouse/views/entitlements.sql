-- What each account may do, one row per entitlement and observation: by team, as a collaborator or owner of the organisation,
-- by policies of Vault's groups, by bindings in the cluster. People, machines and accounts that nobody is known behind alike.
WITH github AS (
    SELECT 'github' AS system, 'teams' AS list, m.value ->> '$.id' AS account, t.as_of, t.evidence, 'team ' || t.slug AS via,
        coalesce(r.value ->> '$.permission', r.value ->> '$.role_name', 'unknown') || ' on ' || (r.value ->> '$.full_name') AS entitlement
    FROM github_teams AS t, json_each(t.repositories) AS r, json_each(t.members) AS m
    UNION ALL
    SELECT 'github', 'collaborators', CAST(user_id AS VARCHAR), as_of, evidence, 'collaborator', coalesce(role_name, 'unknown') || ' on ' || repo FROM github_collaborators
    UNION ALL
    SELECT 'github', 'members', CAST(user_id AS VARCHAR), as_of, evidence, 'member', coalesce(role, 'unknown') || ' of the organisation' FROM github_members
    UNION ALL
    SELECT 'github', 'installations', 'gh-app:' || i.app_slug, i.as_of, i.evidence, 'installation', (p.value ->> '$') || ' on ' || p.key
    FROM github_app_installations AS i, json_each(i.permissions) AS p
), vault AS (
    SELECT 'vault' AS system, 'groups' AS list, lower(e.value ->> '$') AS account, g.as_of, g.evidence, 'group ' || g.name AS via, 'policy ' || (n.value ->> '$') AS entitlement
    FROM vault_groups AS g, json_each(g.member_entity_ids) AS e, json_each(g.policies) AS n
), cluster AS (
    SELECT 'kubernetes' AS system, 'bindings' AS list, lower(coalesce(CASE WHEN s.value ->> '$.kind' = 'ServiceAccount' THEN 'system:serviceaccount:' || coalesce(s.value ->> '$.namespace', b.namespace) || ':' END, '')
            || (s.value ->> '$.name')) AS account, b.as_of, b.evidence, b.kind || ' ' || b.name AS via,
        b.role_kind || ' ' || b.role_name || coalesce(' in ' || nullif(b.namespace, ''), ' everywhere') AS entitlement
    FROM kubernetes_rbac AS b, json_each(b.subjects) AS s
)
SELECT *, regexp_matches(lower(entitlement), '\b(admin|owner|root|cluster-admin|maintain|write on administration|super)\b') AS privileged
FROM (FROM github UNION ALL FROM vault UNION ALL FROM cluster)
WHERE account IS NOT NULL
