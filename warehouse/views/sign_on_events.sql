-- Events that may weaken sign-on (APD-03): settings of organisation and enterprise, recovery codes, failed single sign-on,
-- and writes to Vault's sign-on methods, with when what was switched off came back, and the ticket that covers it.
WITH told AS (
    SELECT 'github.audit_log:' || coalesce(document_id, natural_key) AS subject, 'gh.audit' AS source, 'github' AS system, event_time, action AS what, CAST(actor_id AS VARCHAR) AS account, org AS object,
        action LIKE '%.disable_%' AS disables, action LIKE '%recovery_code%' AS recovers, false AS login, false AS refused, [evidence] AS proofs
    FROM github_audit_log
    WHERE row_status = 'first' AND (action IN ('org.disable_saml', 'org.disable_two_factor_requirement', 'business.disable_saml', 'business.disable_two_factor_requirement', 'org.recovery_code_used', 'org.recovery_codes_downloaded')
        OR (action = 'org.sso_response' AND regexp_matches(lower(fields), '"[^"]*(result|outcome|status|success|error|failure)[^"]*"\s*:\s*(false|"(false|fail|denied|error|invalid)[^"]*")')))
        AND coalesce(org = (SELECT max(value) FROM scope_values WHERE name = 'org'), true)
    UNION ALL
    SELECT 'vault.audit:' || request_id, 'vault.audit', 'vault', called_at, operation || ' ' || path, lower(entity_id), regexp_extract(path, '([^/]+)$', 1), path LIKE 'sys/auth/%' OR NOT path LIKE 'auth/userpass/login/%', false, path LIKE 'auth/userpass/login/%', refused, proofs
    FROM vault_calls WHERE operation IN ('create', 'update', 'delete') AND (path LIKE 'sys/auth/%' OR path LIKE 'auth/userpass/%')
), named AS (
    SELECT t.*, coalesce(p.principal_id, n.principal_id, t.system || ':' || coalesce(nullif(t.account, ''), t.object, 'unknown')) AS principal, coalesce(p.principal_type, n.principal_type) AS principal_type
    FROM told AS t
    LEFT JOIN principals AS p ON p.system = t.system AND p.account_key = t.account AND t.event_time >= p.valid_from AND (p.valid_to IS NULL OR t.event_time < p.valid_to)
    LEFT JOIN (SELECT lower(account_label) AS label, min(principal_id) AS principal_id, min(principal_type) AS principal_type FROM principals WHERE system = 'vault' GROUP BY ALL HAVING count(DISTINCT principal_id) = 1) AS n
        ON p.principal_id IS NULL AND t.login AND n.label = lower(t.object)
), restored AS (
    SELECT e.subject, min(r.event_time) AS restored_at, min_by(r.evidence, r.event_time) AS evidence
    FROM named AS e JOIN github_audit_log AS r ON r.action = replace(e.what, '.disable_', '.enable_') AND r.event_time >= e.event_time AND r.org IS NOT DISTINCT FROM e.object
    WHERE e.source = 'gh.audit' AND e.disables GROUP BY e.subject
), ticketed AS (
    SELECT e.subject, min(t.ticket_key) AS ticket, list(t.evidence) AS proofs
    FROM named AS e JOIN tickets AS t ON t.approved_at <= e.event_time AND coalesce(t.valid_to, t.expires_at, t.closed_at, t.approved_at + INTERVAL 7 DAY) >= e.event_time
        AND t.approver IS DISTINCT FROM t.requester AND t.approver IS DISTINCT FROM e.principal AND (t.scope_system = e.system OR scope_has(t.scope, e.what) OR scope_has(t.scope, e.object))
    GROUP BY e.subject
)
SELECT e.* EXCLUDE (proofs, account, object), r.restored_at, t.ticket, proofs(list_concat(e.proofs, [r.evidence], coalesce(t.proofs, []))) AS proofs
FROM named AS e LEFT JOIN restored AS r USING (subject) LEFT JOIN ticketed AS t USING (subject)
