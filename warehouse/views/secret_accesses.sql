-- Calls to production secret paths (APD-07), with who made them, by which policies, and what ticket covers them.
-- `wildcard`: a policy of the token opens a whole mount, or everything (NULL: the policies' rules are not known).
WITH calls AS (
    SELECT v.*, regexp_replace(v.path, '^([^/]+/)(data|metadata)/', '\1') AS secret, split_part(v.path, '/', 1) || '/' AS mount
    FROM vault_calls AS v
    WHERE v.operation IN ('read', 'list', 'update', 'create', 'delete')
        AND EXISTS (SELECT 1 FROM scope_secret_paths AS s WHERE starts_with(v.path, s.prefix))
), held AS (
    SELECT c.request_id, c.mount, c.called_at, unnest(json_extract_string(c.policies, '$[*]')) AS policy FROM calls AS c
), documents AS (
    SELECT h.request_id, h.policy, h.mount, max_by(p.rules, p.as_of) AS rules, max_by(p.evidence, p.as_of) AS evidence
    FROM held AS h JOIN vault_policies AS p ON p.name = h.policy AND p.as_of <= h.called_at + INTERVAL 1 DAY
    GROUP BY ALL
), opened AS (
    SELECT h.request_id, count(d.policy) AS known, count(*) FILTER (h.policy NOT IN ('default', 'root')) AS own,
        bool_or(len(list_filter(regexp_extract_all(d.rules, 'path\s+"([^"]+)"\s*\{[^}]*"(?:read|list)"', 1), lambda p: p IN ('*', '+/*', h.mount || '*'))) > 0) AS wildcard,
        list(d.evidence) AS proofs
    FROM held AS h LEFT JOIN documents AS d ON d.request_id = h.request_id AND d.policy = h.policy
    GROUP BY h.request_id
), covering AS (
    SELECT c.request_id, min_by(t.ticket_key, t.opened_at) AS ticket_key
    FROM calls AS c
    JOIN principals AS p ON p.system = 'vault' AND p.account_key = lower(c.entity_id)
    JOIN tickets AS t ON t.scope_system = 'vault' AND t.approved_at <= c.called_at
        AND c.called_at < coalesce(t.valid_to, t.expires_at, t.closed_at, t.incident_resolved_at, t.opened_at + INTERVAL 1 DAY)
        AND ((t.scope ->> '$.path') IS NULL OR starts_with(c.path, rtrim(t.scope ->> '$.path', '*')) OR starts_with(c.secret, rtrim(t.scope ->> '$.path', '*')))
        AND coalesce(t.scope ->> '$.person', t.beneficiary, t.requester) = p.principal_id
    GROUP BY c.request_id
)
SELECT c.*, 'vault.audit:' || c.request_id AS subject, p.principal_id AS principal, p.principal_type, n.nhi_id IS NOT NULL AS registered,
    coalesce(len(list_filter(CAST(n.allowed_paths AS JSON)::VARCHAR[], lambda a: c.path GLOB a OR c.secret GLOB a)) > 0, false) AS path_allowed,
    CASE WHEN o.wildcard THEN true WHEN o.known >= o.own AND o.known > 0 THEN false END AS wildcard,
    t.ticket_key AS ticket, t.approver, EXISTS (
        SELECT 1 FROM write_access AS w JOIN principals AS g ON g.system = 'github' AND g.account_key = CAST(w.user_id AS VARCHAR)
        WHERE w.writes AND g.principal_id = p.principal_id AND w.day <= local_day(c.called_at)) AS writes_code,
    EXISTS (SELECT 1 FROM write_access AS w WHERE w.day <= local_day(c.called_at)) AS writers_known,
    proofs(list_concat(c.proofs, [p.evidence, n.evidence])) AS call_proofs, proofs(coalesce(o.proofs, [])) AS policy_proofs, proofs([t.evidence]) AS ticket_proofs
FROM calls AS c
LEFT JOIN principals AS p ON p.system = 'vault' AND p.account_key = lower(c.entity_id)
    AND c.called_at >= p.valid_from AND (p.valid_to IS NULL OR c.called_at < p.valid_to)
LEFT JOIN non_human_identities AS n ON n.nhi_id = p.principal_id
LEFT JOIN opened AS o ON o.request_id = c.request_id
LEFT JOIN covering AS k ON k.request_id = c.request_id
LEFT JOIN tickets AS t ON t.ticket_key = k.ticket_key
