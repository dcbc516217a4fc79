-- Records that grant access to systems in scope (APD-01): who granted what to whom. `grantees`: the principals that the
-- record names, or that the next snapshot of what grants it has anew; empty where nobody is granted it (a role, a policy,
-- a team's permission), NULL where nothing tells. `run`: the run that wrote a state.
WITH organisation AS (
    SELECT max(value) AS org FROM scope_values WHERE name = 'org'
), resources AS (
    SELECT s.subject, s.state, s.last_modified, s.runs, s.proofs, lag(s.subject) OVER (PARTITION BY s.state ORDER BY s.last_modified, s.serial) AS before, t.resources
    FROM state_versions AS s JOIN terraform_states AS t ON s.state || ':' || t.s3_version_id = s.subject AND t.s3_bucket || '/' || t.s3_key = s.state AND t.row_status = 'first'
    WHERE NOT s.is_delete_marker
), granting AS (
    SELECT r.subject, concat_ws('.', x.value ->> '$.module', x.value ->> '$.type', x.value ->> '$.name', i.value ->> '$.index_key') AS address, i.value ->> '$.attributes_hash' AS content, i.value -> '$.attributes' AS held
    FROM resources AS r, json_each(r.resources) AS x, json_each(x.value -> '$.instances') AS i
    WHERE regexp_full_match(x.value ->> '$.type', 'aws_iam_\w+_attachment|aws_iam_user|aws_eks_access_entry')
), changed AS (
    SELECT r.subject, r.state, r.last_modified, r.runs, r.proofs, list(g.address ORDER BY g.address) AS addresses, list_distinct(flatten(list([g.held ->> '$.policy_arn', g.held ->> '$.user', g.held ->> '$.principal_arn']))) AS names,
        list(DISTINCT coalesce(g.held ->> '$.principal_arn', g.held ->> '$.user', g.held ->> '$.arn')) FILTER ((g.held ->> '$.role') IS NULL) AS accounts
    FROM resources AS r JOIN granting AS g USING (subject)
    WHERE r.before IS NOT NULL AND NOT EXISTS (SELECT 1 FROM granting AS b WHERE b.subject = r.before AND b.address = g.address AND b.content = g.content)
    GROUP BY ALL
), grants AS (
    SELECT 'github.audit_log:' || coalesce(a.document_id, a.natural_key) AS subject, 'gh.audit' AS source, 'github' AS system, a.event_time AS granted_at, CAST(a.actor_id AS VARCHAR) AS actor_account, NULL::VARCHAR AS run,
        concat_ws(' ', a.action, a.permission, coalesce(a.team, a.repo, a.name, a.org)) AS what, lower(a.permission) AS level,
        [a.team, regexp_extract(a.team, '([^/]+)$', 1), a.repo, a.name, CASE WHEN a.action LIKE 'org.%' THEN coalesce(a.org, o.org) END] AS names, [a.evidence] AS proofs,
        a.action LIKE '%member' AS held, CASE WHEN a.action LIKE 'org.%' THEN 'organisation' WHEN a.action LIKE 'team.%_member' THEN 'team ' || regexp_extract(a.team, '([^/]+)$', 1) WHEN a.action LIKE 'repo.%' THEN 'repository ' || a.repo END AS object
    FROM github_audit_log AS a, organisation AS o
    WHERE a.row_status = 'first' AND a.action IN ('org.add_member', 'org.update_member', 'team.add_member', 'repo.add_member', 'repo.update_member', 'team.update_repository_permission', 'role.create', 'role.update')
        AND CASE WHEN a.repo IS NOT NULL THEN a.repo IN (SELECT repo FROM scope_repositories) ELSE coalesce(a.org, nullif(split_part(a.team, '/', 1), ''), o.org) = o.org END
    UNION ALL
    SELECT 'vault.audit:' || v.request_id, 'vault.audit', 'vault', v.called_at, lower(v.entity_id), NULL, v.operation || ' ' || v.path, NULL, [v.path, coalesce(g.name, regexp_extract(v.path, '([^/]+)$', 1))], v.proofs,
        v.path LIKE 'identity/group%', 'group ' || coalesce(g.name, regexp_extract(v.path, '([^/]+)$', 1))
    FROM vault_calls AS v LEFT JOIN (SELECT group_id, max_by(name, as_of) AS name FROM vault_groups GROUP BY group_id) AS g ON ends_with(v.path, '/' || g.group_id)
    WHERE v.answered AND NOT v.refused AND v.operation IN ('create', 'update') AND (v.path LIKE 'identity/group%' OR v.path LIKE 'sys/policies/acl/%' OR v.path LIKE 'auth/%/role/%')
    UNION ALL
    SELECT 'kubernetes.audit:' || k.audit_id, 'k8s.audit', 'kubernetes', k.called_at, k.principal, NULL, concat_ws(' ', k.verb, k.resource, k.namespace, k.object_name), NULL, [k.object_name, b.role_name], k.proofs,
        k.resource LIKE '%bindings', CASE WHEN k.resource = 'rolebindings' THEN 'RoleBinding' ELSE 'ClusterRoleBinding' END || ' ' || concat_ws('/', nullif(k.namespace, ''), k.object_name)
    FROM kubernetes_calls AS k
    LEFT JOIN (SELECT DISTINCT kind, namespace, name, role_name FROM kubernetes_rbac WHERE kind LIKE '%Binding') AS b
        ON lower(b.kind) || 's' = k.resource AND b.name = k.object_name AND coalesce(b.namespace, '') = coalesce(k.namespace, '')
    WHERE k.verb IN ('create', 'update', 'patch') AND k.resource IN ('rolebindings', 'clusterrolebindings', 'roles', 'clusterroles') AND k.code < 300 AND NOT k.dry_run
    QUALIFY row_number() OVER (PARTITION BY k.audit_id ORDER BY b.role_name) = 1
    UNION ALL
    SELECT 'terraform.states:' || state || '/' || substr(subject, length(state) + 2), 'tf.state', 'aws', last_modified, NULL, list_min(list_transform(runs, lambda r: r.run)), array_to_string(addresses, ', '), NULL,
        list_concat(names, list_transform(names, lambda n: regexp_extract(n, '([^/]+)$', 1))), proofs, len(coalesce(accounts, [])) > 0, NULL
    FROM changed
), holders AS (
    SELECT 'github.audit_log:' || coalesce(a.document_id, a.natural_key) AS subject, 'github' AS system, coalesce(CAST(nullif(a.user_id, 0) AS VARCHAR), l.account_key) AS account, a.event_time AS at, a.evidence
    FROM github_audit_log AS a LEFT JOIN github_logins AS l ON coalesce(a.user_id, 0) = 0 AND l.login = lower(a.user_login)
    WHERE a.row_status = 'first' AND a.action LIKE '%_member' AND coalesce(CAST(nullif(a.user_id, 0) AS VARCHAR), l.account_key) IS NOT NULL
    UNION ALL
    SELECT 'terraform.states:' || state || '/' || substr(subject, length(state) + 2), 'aws', lower(unnest(accounts)), last_modified, NULL FROM changed
    UNION ALL
    SELECT g.subject, h.system, h.account, g.granted_at, h.evidence
    FROM grants AS g JOIN held_entitlements AS h ON h.system = g.system AND h.object = g.object
    WHERE g.held AND g.system <> 'github' AND h.as_of = (SELECT min(n.as_of) FROM held_entitlements AS n WHERE n.system = g.system AND n.object = g.object AND n.as_of > g.granted_at)
        AND NOT EXISTS (SELECT 1 FROM held_entitlements AS b WHERE b.system = h.system AND b.object = h.object AND b.account = h.account
            AND b.as_of = (SELECT max(n.as_of) FROM held_entitlements AS n WHERE n.system = g.system AND n.object = g.object AND n.as_of <= g.granted_at))
), named AS (
    SELECT h.subject, list(DISTINCT coalesce(p.principal_id, h.system || ':' || h.account)) AS grantees, bool_or(p.principal_id IS NULL) AS unresolved, list(h.evidence) AS proofs
    FROM holders AS h LEFT JOIN principals AS p ON p.system = h.system AND p.account_key = h.account AND h.at >= p.valid_from AND (p.valid_to IS NULL OR h.at < p.valid_to)
    GROUP BY h.subject
)
SELECT g.subject, g.source, g.system, g.granted_at, g.run, g.what, g.level, g.object, list_distinct(list_filter(list_transform(g.names, lambda n: lower(n)), lambda n: n <> '')) AS names,
    CASE WHEN g.system = 'kubernetes' THEN g.actor_account ELSE coalesce(p.principal_id, g.system || ':' || coalesce(nullif(g.actor_account, ''), 'unknown')) END AS actor,
    CASE WHEN NOT g.held THEN [] ELSE n.grantees END AS grantees, coalesce(g.held AND n.unresolved, false) AS unresolved, proofs(list_concat(g.proofs, [p.evidence], coalesce(n.proofs, []))) AS proofs
FROM grants AS g
LEFT JOIN named AS n USING (subject)
LEFT JOIN principals AS p ON p.system = g.system AND p.account_key = g.actor_account AND g.granted_at >= p.valid_from AND (p.valid_to IS NULL OR g.granted_at < p.valid_to)
