-- One row per request to the Kubernetes API, all its stages together, with who is responsible and who it was done as.
WITH calls AS (
    SELECT audit_id, min(coalesce(request_time, stage_time)) AS called_at, max(stage_time) AS ended_at, any_value(cluster) AS cluster,
        any_value(verb) AS verb, any_value(user_name) AS user_name, any_value(user_groups) AS user_groups,
        any_value(session_name) AS session_name, any_value(canonical_arn) AS canonical_arn, any_value(impersonated_user) AS impersonated_user,
        any_value(impersonated_groups) AS impersonated_groups, any_value(source_ip) AS source_ip, any_value(user_agent) AS user_agent,
        any_value(api_group) AS api_group, any_value(resource) AS resource, any_value(subresource) AS subresource, any_value(namespace) AS namespace,
        any_value(object_name) AS object_name, any_value(request_uri) AS request_uri,
        coalesce(max(code) FILTER (stage = 'ResponseComplete'), max(code) FILTER (stage = 'ResponseStarted'), max(code)) AS code,
        bool_or(dry_run) AS dry_run, any_value(decision_reason) AS decision_reason, proofs(list(evidence)) AS proofs
    FROM kubernetes_audit
    WHERE audit_id IS NOT NULL
    GROUP BY audit_id
), named AS (
    -- The accounts that may stand for a user name, the surest first.
    SELECT c.audit_id, c.called_at, c.session_name, c.impersonated_user, c.user_name,
        coalesce(c.impersonated_user, c.user_name) AS effective_user,
        coalesce(c.impersonated_user, c.user_name) LIKE 'system:%' AS by_system
    FROM calls AS c
), resolved AS (
    SELECT n.audit_id, n.effective_user, n.by_system,
        min_by(e.principal_id, CASE e.system WHEN 'kubernetes' THEN 0 ELSE 1 END) AS principal_id,
        min_by(e.principal_type, CASE e.system WHEN 'kubernetes' THEN 0 ELSE 1 END) AS principal_type,
        min_by(r.principal_id, CASE r.system WHEN 'kubernetes' THEN 0 ELSE 1 END) AS responsible_id,
        min_by(r.principal_type, CASE r.system WHEN 'kubernetes' THEN 0 ELSE 1 END) AS responsible_type
    FROM named AS n
    LEFT JOIN principals AS e ON n.called_at >= e.valid_from AND (e.valid_to IS NULL OR n.called_at < e.valid_to) AND (
        (e.system = 'kubernetes' AND e.account_key = lower(n.effective_user))
        OR (n.impersonated_user IS NULL AND e.system = 'kubernetes' AND e.account_key = lower(n.session_name))
        OR (n.impersonated_user IS NULL AND e.system = 'aws' AND e.account_key = 'sessionname:' || lower(n.session_name))
        OR (e.system = 'aws' AND e.account_key = lower(n.effective_user)))
    LEFT JOIN principals AS r ON n.called_at >= r.valid_from AND (r.valid_to IS NULL OR n.called_at < r.valid_to) AND (
        (r.system = 'kubernetes' AND r.account_key IN (lower(n.user_name), lower(n.session_name)))
        OR (r.system = 'aws' AND r.account_key IN ('sessionname:' || lower(n.session_name), lower(n.user_name))))
    GROUP BY ALL
)
SELECT c.*, r.effective_user, r.by_system,
    coalesce(r.principal_id, CASE WHEN r.effective_user LIKE 'system:serviceaccount:%'
        THEN 'k8s-sa:' || replace(substr(r.effective_user, 23), ':', '/') ELSE 'kubernetes:' || r.effective_user END) AS principal,
    r.principal_id IS NOT NULL OR r.by_system AS resolved,
    NOT r.by_system AND coalesce(r.principal_type = 'person', true) AS by_person,
    coalesce(r.responsible_id, 'kubernetes:' || c.user_name) AS responsible, coalesce(r.responsible_type = 'person', false) AS responsible_person
FROM calls AS c
JOIN resolved AS r ON r.audit_id = c.audit_id
