WITH bound AS (
    -- A rule and its binding are one member, named by the binding; what is not bound is a member by itself.
    SELECT b.kind || '/' || coalesce(nullif(b.namespace, ''), '-') || '/' || b.name AS object, b.as_of, r.rules, [b.evidence, r.evidence] AS proofs
    FROM kubernetes_rbac AS b
    LEFT JOIN kubernetes_rbac AS r ON r.kind = b.role_kind AND r.name = b.role_name AND r.as_of = b.as_of
        AND (r.kind = 'ClusterRole' OR coalesce(r.namespace, '') = coalesce(b.namespace, ''))
    WHERE b.kind IN ('RoleBinding', 'ClusterRoleBinding')
    UNION ALL
    SELECT r.kind || '/' || coalesce(nullif(r.namespace, ''), '-') || '/' || r.name, r.as_of, r.rules, [r.evidence]
    FROM kubernetes_rbac AS r
    WHERE r.kind IN ('Role', 'ClusterRole') AND NOT EXISTS (SELECT 1 FROM kubernetes_rbac AS b WHERE b.role_kind = r.kind AND b.role_name = r.name AND b.as_of = r.as_of)
), granted AS (
    SELECT b.object, b.as_of, CAST(x.value -> '$.verbs' AS VARCHAR[]) AS verbs, CAST(x.value -> '$.resources' AS VARCHAR[]) AS resources
    FROM bound AS b, json_each(b.rules) AS x
), judged AS (
    SELECT object, as_of, bool_or(list_contains(verbs, '*') AND list_contains(resources, '*')) AS everything,
        list_distinct(flatten(list(CASE WHEN list_has_any(verbs, ['*', 'get', 'create', 'list', 'watch', 'escalate', 'bind', 'impersonate']) THEN
            list_concat(list_filter(coalesce(resources, []), lambda r: r IN ('*', 'pods/*', 'pods/exec', 'pods/attach', 'pods/portforward', 'nodes/proxy', 'nodes/*', 'secrets')
                AND list_has_any(verbs, ['*', 'get', 'create', 'list', 'watch'])), list_filter(verbs, lambda v: v IN ('escalate', 'bind', 'impersonate'))) ELSE [] END))) AS dangerous
    FROM granted GROUP BY ALL
), members AS (
    SELECT 'kubernetes:' || b.object || ':' || local_day(b.as_of) AS subject, b.object, min(b.as_of) AS as_of, flatten(list(b.proofs)) AS proofs,
        bool_or(coalesce(j.everything, false)) AS everything, list_distinct(flatten(list(coalesce(j.dangerous, [])))) AS dangerous, bool_or(b.rules IS NULL) AS unsaid
    FROM bound AS b LEFT JOIN judged AS j ON j.object = b.object AND j.as_of = b.as_of
    WHERE b.as_of >= $period_start AND b.as_of < $period_end
    GROUP BY ALL
    UNION ALL
    SELECT 'vault:Policy/-/' || name || ':' || local_day(as_of), 'Policy/-/' || name, min(as_of), list(evidence),
        bool_or(regexp_matches(rules, 'path\s+"\*"\s*\{[^}]*"(?:create|update|delete|sudo)"')), [], bool_or(rules IS NULL)
    FROM vault_policies WHERE as_of >= $period_start AND as_of < $period_end
    GROUP BY ALL
), marked AS (
    SELECT *, object IN (SELECT worker_id FROM scope_people WHERE role = 'approved_platform_bindings') AS approved FROM members
)
SELECT 'objects' AS population, subject, 'A' AS attribute, CASE WHEN everything AND NOT approved THEN 'EXCEPTION' WHEN unsaid AND NOT approved THEN 'INDETERMINATE' ELSE 'PASS' END AS verdict,
    CASE WHEN everything THEN 'every verb on everything' || CASE WHEN approved THEN ', approved' ELSE '' END WHEN unsaid THEN 'its rules are not known' ELSE 'not everything' END AS reason, as_of AS event_time, proofs(proofs) AS evidence
FROM marked
UNION ALL
SELECT 'objects', subject, 'E', CASE WHEN len(dangerous) > 0 AND NOT approved THEN 'EXCEPTION' WHEN unsaid AND NOT approved AND object NOT LIKE 'Policy/%' THEN 'INDETERMINATE' ELSE 'PASS' END,
    CASE WHEN len(dangerous) > 0 THEN 'grants ' || array_to_string(list_sort(dangerous), ', ') || CASE WHEN approved THEN ', approved' ELSE '' END WHEN unsaid THEN 'its rules are not known' ELSE 'grants none of them' END, as_of, proofs(proofs)
FROM marked
UNION ALL
SELECT 'objects', subject, l.letter, 'INDETERMINATE', l.missing, as_of, proofs(proofs)
FROM marked, (VALUES ('B', 'policies of the cloud are not known'), ('C', 'the organisation''s base permission is not known'), ('D', 'use is compared at the access review')) AS l(letter, missing)
