-- Uses of root and break-glass credentials (APD-09): calls of one credential less than 30 minutes apart are one use. The
-- making of a root token opens the use of that token. On GitHub the credential is the actor.
WITH vault_root AS (
    SELECT request_id, called_at, path, accessor, is_root, refused, proofs FROM vault_calls
    WHERE is_root OR path LIKE 'sys/generate-root/%'
), acts AS (
    SELECT 'vault' AS system, 'vault.audit' AS stream, v.request_id AS act_key, v.called_at AS acted_at,
        coalesce(CASE WHEN v.is_root THEN v.accessor END,
            (SELECT min_by(r.accessor, r.called_at) FROM vault_root AS r
             WHERE r.is_root AND r.called_at >= v.called_at AND r.called_at < v.called_at + INTERVAL 30 MINUTE), 'generate-root') AS credential,
        v.path AS what, NULL::VARCHAR AS principal, v.proofs
    FROM vault_root AS v
    UNION ALL
    SELECT 'kubernetes', 'kubernetes.audit', audit_id, called_at, effective_user, concat_ws(' ', verb, resource, subresource, namespace, object_name), principal, proofs
    FROM kubernetes_calls
    WHERE NOT by_system AND effective_user NOT LIKE 'eks:%' AND (
        list_contains(json_extract_string(coalesce(impersonated_groups, user_groups), '$[*]'), 'system:masters')
        OR effective_user IN (SELECT worker_id FROM scope_people WHERE role = 'break_glass_users')
        OR list_has_any(json_extract_string(coalesce(impersonated_groups, user_groups), '$[*]'),
            (SELECT list(worker_id) FROM scope_people WHERE role = 'break_glass_groups')))
    UNION ALL
    SELECT 'github', 'github.audit_log', a.document_id, a.event_time, CAST(a.actor_id AS VARCHAR), a.action || coalesce(' ' || a.repo, ''),
        coalesce(p.principal_id, 'github:' || a.actor_id), [a.evidence]
    FROM github_audit_log AS a
    LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(a.actor_id AS VARCHAR)
        AND a.event_time >= p.valid_from AND (p.valid_to IS NULL OR a.event_time < p.valid_to)
    WHERE a.row_status = 'first'
        AND a.action IN ('workflows.bypass_protection_rules', 'protected_branch.policy_override', 'org.recovery_code_used')
    UNION ALL
    SELECT 'aws', 'aws.cloudtrail', event_id, event_time, coalesce(principal_id, identity_arn), event_source || ' ' || event_name, NULL, [evidence]
    FROM aws_cloudtrail
    WHERE row_status = 'first' AND (identity_type = 'Root' OR role_arn ILIKE '%break%glass%')
), placed AS (
    SELECT *, coalesce(acted_at - lag(acted_at) OVER calls >= INTERVAL 30 MINUTE, true) AS opens FROM acts
    WINDOW calls AS (PARTITION BY system, credential ORDER BY acted_at, act_key)
), numbered AS (
    SELECT *, sum(CAST(opens AS INTEGER)) OVER (PARTITION BY system, credential ORDER BY acted_at, act_key) AS use_number FROM placed
)
SELECT system, credential, min_by(stream || ':' || act_key, (acted_at, act_key)) AS subject, min(acted_at) AS starts_at, max(acted_at) AS ends_at,
    list(act_key ORDER BY acted_at, act_key) AS act_keys, list(what ORDER BY acted_at, act_key) AS acts, any_value(principal) AS principal,
    proofs(flatten(list(proofs))) AS evidence
FROM numbered GROUP BY system, credential, use_number
