-- Uses of machines' credentials that are tested for a person behind them (APD-06): calls to production secret paths, reading
-- of secrets and interactive access in production namespaces, anything with kubectl, and impersonation of a machine.
WITH networks AS (
    SELECT nhi_id, CAST(callers_cidr AS JSON)::VARCHAR[] AS networks, evidence FROM non_human_identities
), uses AS (
    SELECT s.principal AS nhi_id, 'vault.audit:' || s.request_id AS use_key, s.called_at AS used_at, s.remote_ip AS source_ip, NULL::VARCHAR AS agent,
        false AS interactive, NULL::VARCHAR AS impersonator, s.path AS what, s.call_proofs AS proofs, []::BIGINT[] AS run_ids
    FROM secret_accesses AS s WHERE s.principal_type = 'nhi' AND NOT s.refused
    UNION ALL
    SELECT k.principal, 'kubernetes.audit:' || k.audit_id, k.called_at, k.source_ip, k.user_agent,
        coalesce(k.subresource IN ('exec', 'attach', 'portforward'), false), CASE WHEN k.impersonated_user IS NOT NULL AND k.responsible_person THEN k.responsible END,
        concat_ws(' ', k.verb, k.resource, k.subresource, k.namespace), k.proofs,
        list_transform(regexp_extract_all(coalesce(k.session_name, ''), '[0-9]+'), lambda d: TRY_CAST(d AS BIGINT))
    FROM kubernetes_calls AS k
    WHERE k.effective_user LIKE 'system:serviceaccount:%' AND coalesce(k.code < 400, true) AND (
        k.user_agent LIKE 'kubectl/%' OR (k.impersonated_user IS NOT NULL AND k.responsible_person)
        OR (k.namespace IN (SELECT namespace FROM scope_namespaces)
            AND (k.resource = 'secrets' OR coalesce(k.subresource, '') IN ('exec', 'attach', 'portforward'))))
), at_work AS (
    -- A pipeline may use kubectl: its session names a run that was at work then.
    SELECT DISTINCT u.use_key FROM uses AS u
    JOIN run_attempts AS r ON list_contains(u.run_ids, r.run_id) AND u.used_at >= r.started_at AND u.used_at <= coalesce(r.next_started_at, r.ended_at)
), excused AS (
    SELECT DISTINCT 'kubernetes.audit:' || unnest(act_keys) AS use_key, ticket FROM root_use_facts WHERE ticket IS NOT NULL AND system = 'kubernetes'
)
SELECT u.* EXCLUDE (run_ids), w.use_key IS NOT NULL AS in_run, u.nhi_id || '@' || u.use_key AS subject, n.networks, x.ticket, proofs(list_append(u.proofs, n.evidence)) AS evidence,
    CASE WHEN n.networks IS NULL THEN NULL
         WHEN ipv4(u.source_ip) IS NULL THEN NULL
         ELSE len(list_filter(n.networks, lambda w: coalesce(in_network(u.source_ip, w), false))) > 0 END AS from_its_network
FROM uses AS u
LEFT JOIN networks AS n ON n.nhi_id = u.nhi_id
LEFT JOIN excused AS x ON x.use_key = u.use_key
LEFT JOIN at_work AS w ON w.use_key = u.use_key
