-- Who holds a privileged role (APD-04), per observation: owners of the organisation, administrators of repositories, who may
-- bypass rulesets and approve production deployments, Vault's administrators, everything in the cluster and in the cloud.
-- `until` is when it was seen to have ended, NULL where nothing later was seen.
WITH owners AS (
    SELECT user_id, as_of, (SELECT min(n.as_of) FROM github_members AS n WHERE n.as_of > m.as_of) AS until, evidence FROM github_members AS m WHERE role IN ('admin', 'owner')
), rulesets AS (
    SELECT r.repo, r.as_of, lead(r.as_of) OVER (PARTITION BY r.repo, r.ruleset_id ORDER BY r.as_of) AS until, r.bypass_actors, r.evidence
    FROM github_rulesets AS r WHERE r.enforcement = 'active' AND r.repo IN (SELECT repo FROM scope_repositories)
), bypassing AS (
    SELECT r.repo, r.as_of, r.until, r.evidence, a.value ->> '$.actor_type' AS kind, a.value ->> '$.actor_id' AS id, coalesce(a.value ->> '$.bypass_mode', 'always') AS mode
    FROM rulesets AS r, json_each(r.bypass_actors) AS a
    UNION ALL
    SELECT b.repo, b.as_of, NULL, b.evidence, 'User', u.value ->> '$.id', 'always'
    FROM github_branch_protection AS b, json_each(list_concat(coalesce(TRY_CAST(b.push_restrictions -> '$.users' AS JSON[]), []), coalesce(TRY_CAST(b.bypass_allowances -> '$.users' AS JSON[]), []))::JSON) AS u
    WHERE b.repo IN (SELECT repo FROM scope_repositories)
), policies AS (
    SELECT name, as_of, evidence FROM vault_policies
    WHERE name IN ('root', 'admin') OR regexp_matches(rules, '"sudo"') OR regexp_matches(rules, 'path\s+"(\*|\+/\*|sys/\*)"\s*\{[^}]*"(?:create|update|delete)"')
), bindings AS (
    SELECT b.*, lead(b.as_of) OVER (PARTITION BY b.kind, b.namespace, b.name ORDER BY b.as_of) AS until, r.rules
    FROM kubernetes_rbac AS b LEFT JOIN kubernetes_rbac AS r ON r.kind = b.role_kind AND r.name = b.role_name AND r.as_of = b.as_of AND (r.kind = 'ClusterRole' OR coalesce(r.namespace, '') = coalesce(b.namespace, ''))
    WHERE b.kind IN ('RoleBinding', 'ClusterRoleBinding') AND (coalesce(b.namespace, '') = '' OR b.namespace IN (SELECT namespace FROM scope_namespaces))
), everything AS (
    SELECT DISTINCT b.kind, b.namespace, b.name, b.as_of FROM bindings AS b LEFT JOIN LATERAL (SELECT x.value AS rule FROM json_each(b.rules) AS x) ON true
    WHERE b.role_name = 'cluster-admin' OR (list_contains(TRY_CAST(rule -> '$.verbs' AS VARCHAR[]), '*') AND list_contains(TRY_CAST(rule -> '$.resources' AS VARCHAR[]), '*'))
), states AS (
    SELECT t.s3_bucket || '/' || t.s3_key AS state, t.last_modified AS since, lead(t.last_modified) OVER (PARTITION BY t.s3_bucket, t.s3_key ORDER BY t.last_modified, t.serial) AS until, t.resources, t.evidence
    FROM terraform_states AS t WHERE t.s3_bucket || '/' || t.s3_key IN (SELECT state FROM scope_state_keys)
), cloud AS (
    SELECT s.since, s.until, s.evidence, x.value ->> '$.type' AS type, i.value -> '$.attributes' AS held FROM states AS s, json_each(s.resources) AS x, json_each(x.value -> '$.instances') AS i
), held AS (
    SELECT 'github' AS system, 'owner' AS role, CAST(user_id AS VARCHAR) AS account, NULL AS mode, as_of AS since, until, false AS event, [] AS names, evidence FROM owners
    UNION ALL
    SELECT 'github', CASE WHEN g.action LIKE 'org.%' THEN 'owner' ELSE 'admin:' || g.repo END, CAST(g.user_id AS VARCHAR), NULL, g.event_time,
        (SELECT min(e.event_time) FROM github_audit_log AS e WHERE e.user_id = g.user_id AND e.event_time > g.event_time AND (e.action = 'org.remove_member'
            OR (g.action LIKE 'org.%' AND e.action = 'org.update_member' AND lower(e.permission) NOT IN ('admin', 'owner')) OR (g.action LIKE 'repo.%' AND e.repo = g.repo AND (e.action = 'repo.remove_member' OR (e.action = 'repo.update_member' AND lower(e.permission) <> 'admin'))))),
        true, [], g.evidence
    FROM github_audit_log AS g
    WHERE g.row_status = 'first' AND lower(g.permission) IN ('admin', 'owner') AND (g.action IN ('org.add_member', 'org.update_member') OR (g.action IN ('repo.add_member', 'repo.update_member') AND g.repo IN (SELECT repo FROM scope_repositories)))
    UNION ALL
    SELECT 'github', 'admin:' || (r.value ->> '$.full_name'), m.value ->> '$.id', NULL, t.as_of, lead(t.as_of) OVER (PARTITION BY t.team_id, r.value ->> '$.full_name', m.value ->> '$.id' ORDER BY t.as_of), false, [t.slug], t.evidence
    FROM github_teams AS t, json_each(t.repositories) AS r, json_each(t.members) AS m
    WHERE lower(coalesce(r.value ->> '$.permission', r.value ->> '$.role_name')) = 'admin' AND (r.value ->> '$.full_name') IN (SELECT repo FROM scope_repositories)
    UNION ALL
    SELECT 'github', 'admin:' || repo, CAST(user_id AS VARCHAR), NULL, as_of, NULL, false, [], evidence FROM github_collaborators WHERE lower(role_name) = 'admin' AND repo IN (SELECT repo FROM scope_repositories)
    UNION ALL
    SELECT 'github', 'bypass:' || b.repo, CASE b.kind WHEN 'User' THEN b.id WHEN 'Team' THEN m.account WHEN 'OrganizationAdmin' THEN CAST(o.user_id AS VARCHAR) END, b.mode, b.as_of, b.until, false, [b.kind || '-' || coalesce(b.id, '')], b.evidence
    FROM bypassing AS b
    LEFT JOIN (SELECT t.team_id, local_day(t.as_of) AS day, m.value ->> '$.id' AS account FROM github_teams AS t, json_each(t.members) AS m) AS m ON b.kind = 'Team' AND CAST(m.team_id AS VARCHAR) = b.id AND m.day = local_day(b.as_of)
    LEFT JOIN owners AS o ON b.kind = 'OrganizationAdmin' AND local_day(o.as_of) = local_day(b.as_of)
    UNION ALL
    SELECT 'github', 'reviewer:' || repo || ':' || environment, CAST(unnest(reviewer_ids) AS VARCHAR), NULL, as_of, NULL, false, [], evidence FROM environment_days
    WHERE environment IN (SELECT environment FROM scope_environments) AND repo IN (SELECT repo FROM scope_repositories)
    UNION ALL
    SELECT 'github', 'environment-bypass:' || repo || ':' || environment, NULL, NULL, as_of, NULL, false, ['administrators'], evidence FROM environment_days
    WHERE can_admins_bypass AND environment IN (SELECT environment FROM scope_environments) AND repo IN (SELECT repo FROM scope_repositories)
    UNION ALL
    SELECT 'vault', p.name, lower(e.value ->> '$'), NULL, g.as_of, lead(g.as_of) OVER (PARTITION BY g.group_id, p.name, e.value ORDER BY g.as_of), false, [g.name], g.evidence
    FROM vault_groups AS g, json_each(g.member_entity_ids) AS e, json_each(g.policies) AS n, policies AS p WHERE p.name = (n.value ->> '$') AND local_day(p.as_of) = local_day(g.as_of)
    UNION ALL
    SELECT 'kubernetes', concat_ws('/', nullif(b.namespace, ''), b.role_name), CASE s.value ->> '$.kind' WHEN 'ServiceAccount' THEN 'system:serviceaccount:' || concat_ws(':', coalesce(s.value ->> '$.namespace', b.namespace), s.value ->> '$.name') WHEN 'Group' THEN 'group:' || (s.value ->> '$.name') ELSE lower(s.value ->> '$.name') END,
        NULL, b.as_of, b.until, false, [b.name, b.role_name, b.kind || '/' || coalesce(nullif(b.namespace, ''), '-') || '/' || b.name], b.evidence
    FROM bindings AS b JOIN everything AS x ON x.kind = b.kind AND x.name = b.name AND x.as_of = b.as_of AND x.namespace IS NOT DISTINCT FROM b.namespace, json_each(b.subjects) AS s
    UNION ALL
    SELECT 'kubernetes', 'system:masters', '=' || k.responsible, NULL, k.called_at, NULL, false, [], k.proofs[1] FROM kubernetes_calls AS k
    WHERE contains(CAST(k.user_groups AS VARCHAR), '"system:masters"') AND k.user_name NOT LIKE 'system:%'
    UNION ALL
    SELECT 'kubernetes', 'system:masters', lower(held ->> '$.principal_arn'), NULL, since, until, false, [], evidence FROM cloud
    WHERE type = 'aws_eks_access_entry' AND list_contains(TRY_CAST(held -> '$.kubernetes_groups' AS VARCHAR[]), 'system:masters')
    UNION ALL
    SELECT 'aws', 'AdministratorAccess', lower(coalesce(held ->> '$.user', held ->> '$.role', held ->> '$.principal_arn')), NULL, since, until, false, [type], evidence FROM cloud
    WHERE ends_with(held ->> '$.policy_arn', '/AdministratorAccess')
)
SELECT h.* EXCLUDE (account), CASE WHEN h.account LIKE '=%' THEN substr(h.account, 2) WHEN h.account LIKE 'system:serviceaccount:%' THEN 'k8s-sa:' || replace(substr(h.account, 23), ':', '/') WHEN h.account LIKE 'group:%' THEN h.account ELSE coalesce(p.principal_id, a.principal_id, h.system || ':' || coalesce(h.account, h.names[1])) END AS principal,
    coalesce(p.principal_type, a.principal_type, q.kind, CASE WHEN h.account LIKE 'system:%' OR h.account LIKE 'group:%' OR regexp_matches(h.names[1], '^(Integration|DeployKey)-') THEN 'nhi' ELSE 'unresolved' END) AS principal_type
FROM held AS h
LEFT JOIN principals AS p ON p.system = h.system AND p.account_key = h.account AND h.since >= p.valid_from AND (p.valid_to IS NULL OR h.since < p.valid_to)
LEFT JOIN principals AS a ON p.principal_id IS NULL AND a.system = 'aws' AND (a.account_key = h.account OR a.account_key = 'sessionname:' || h.account) AND h.since >= a.valid_from AND (a.valid_to IS NULL OR h.since < a.valid_to)
LEFT JOIN (SELECT worker_id AS id, 'person' AS kind FROM workers UNION ALL SELECT nhi_id, 'nhi' FROM non_human_identities) AS q ON q.id = substr(h.account, 2)
