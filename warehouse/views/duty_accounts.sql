-- Which account gives which function of the segregation matrix (IDENTITY.md §4) by effective access, per observation: F1 write
-- code, F3 approve production deployments, F5 administer repositories, F7 write to production's cluster, F9 read production
-- secrets, F10 administer Vault's policies. `person`: who stood behind it then; NULL: nobody known (`resolved` false), or a machine.
WITH repository_rights AS (
    SELECT r.value ->> '$.full_name' AS repo, t.as_of, TRY_CAST(m.value ->> '$.id' AS BIGINT) AS user_id,
        lower(coalesce(r.value ->> '$.permission', r.value ->> '$.role_name')) AS permission, 'team ' || t.slug AS path, t.evidence
    FROM github_teams AS t, json_each(t.repositories) AS r, json_each(t.members) AS m
    UNION ALL
    SELECT repo, as_of, user_id, lower(role_name), 'collaborator', evidence FROM github_collaborators
    UNION ALL
    SELECT s.repo, m.as_of, m.user_id, 'admin', 'owner of the organisation', m.evidence FROM github_members AS m, scope_repositories AS s WHERE m.role = 'admin'
), github AS (
    SELECT CASE WHEN r.permission IN ('push', 'write', 'maintain', 'admin') THEN 'F1' END AS duty, r.user_id, r.as_of, r.path || ' on ' || r.repo AS path, r.evidence
    FROM repository_rights AS r JOIN scope_repositories AS s ON s.repo = r.repo
    UNION ALL
    SELECT CASE WHEN r.permission = 'admin' THEN 'F5' END, r.user_id, r.as_of, r.path || ' on ' || r.repo, r.evidence
    FROM repository_rights AS r JOIN scope_repositories AS s ON s.repo = r.repo
    UNION ALL
    SELECT 'F3', unnest(d.reviewer_ids), d.as_of, 'reviewer of ' || d.environment || ' of ' || d.repo, d.evidence
    FROM environment_days AS d WHERE d.environment IN (SELECT environment FROM scope_environments)
), policies AS (
    SELECT p.name, p.as_of, p.evidence, s.prefix,
        list_filter(regexp_extract_all(p.rules, 'path\s+"([^"]+)"\s*\{[^}]*"(?:read|list)"', 1), lambda g: s.prefix GLOB g OR starts_with(rtrim(g, '*+'), s.prefix)) AS opened
    FROM vault_policies AS p, scope_secret_paths AS s
), vault AS (
    SELECT 'F9' AS duty, lower(e.value ->> '$') AS entity, g.as_of, 'group ' || g.name || ' with policy ' || p.name AS path, g.evidence
    FROM vault_groups AS g, json_each(g.member_entity_ids) AS e, json_each(g.policies) AS n, policies AS p
    WHERE p.name = (n.value ->> '$') AND local_day(p.as_of) = local_day(g.as_of) AND len(p.opened) > 0
    UNION ALL
    SELECT 'F10', lower(e.value ->> '$'), g.as_of, 'group ' || g.name || ' with policy ' || p.name, g.evidence
    FROM vault_groups AS g, json_each(g.member_entity_ids) AS e, json_each(g.policies) AS n, vault_policies AS p
    WHERE p.name = (n.value ->> '$') AND local_day(p.as_of) = local_day(g.as_of) AND regexp_matches(p.rules, 'path\s+"(\*|sys/\*|sys/polic[^"]*)"\s*\{[^}]*"(?:create|update|sudo)"')
), cluster AS (
    SELECT 'F7' AS duty, lower(s.value ->> '$.name') AS account, b.as_of, b.kind || ' ' || b.name AS path, b.evidence
    FROM kubernetes_rbac AS b
    JOIN kubernetes_rbac AS r ON r.kind = b.role_kind AND r.name = b.role_name AND r.as_of = b.as_of AND coalesce(r.namespace, b.namespace, '') IN (coalesce(b.namespace, ''), ''),
        json_each(b.subjects) AS s, json_each(r.rules) AS x
    WHERE (s.value ->> '$.kind') = 'User' AND (coalesce(b.namespace, '') = '' OR b.namespace IN (SELECT namespace FROM scope_namespaces))
        AND list_has_any(CAST(x.value -> '$.verbs' AS VARCHAR[]), ['*', 'create', 'update', 'patch', 'delete'])
)
SELECT h.duty, h.system, h.account, h.as_of, h.path, h.evidence, CASE WHEN p.principal_type = 'person' THEN p.principal_id END AS person, p.principal_id IS NOT NULL AS resolved
FROM (
    SELECT duty, 'github' AS system, CAST(user_id AS VARCHAR) AS account, as_of, path, evidence FROM github WHERE duty IS NOT NULL
    UNION ALL SELECT duty, 'vault', entity, as_of, path, evidence FROM vault
    UNION ALL SELECT duty, 'kubernetes', account, as_of, path, evidence FROM cluster
) AS h
LEFT JOIN principals AS p ON p.system = h.system AND p.account_key = h.account AND h.as_of >= p.valid_from AND (p.valid_to IS NULL OR h.as_of < p.valid_to)
