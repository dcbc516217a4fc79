-- Access requests that cover a grant (APD-01): same system where one is stated, what is granted named, its level or a wider
-- one. `in_time`: approved before the grant. `by_right`: the approver is the beneficiary's manager then, or the registered
-- owner of what is granted.
WITH owners AS (
    SELECT lower(e.key) AS entitlement, CAST(e.value AS VARCHAR) AS people FROM scope_values AS v, json_each(v.value) AS e WHERE v.name = 'entitlement_owners'
), covering AS (
    SELECT g.subject, g.granted_at, g.actor, g.grantees, g.names, t.*
    FROM access_grants AS g JOIN access_tickets AS t ON coalesce(t.system, g.system) = g.system AND (g.grantees IS NULL OR len(g.grantees) = 0 OR list_contains(g.grantees, t.beneficiary) OR g.unresolved)
    WHERE any_named(g.names, t.tokens)
        AND coalesce(t.level >= CASE WHEN g.level IN ('admin', 'owner') THEN 5 WHEN g.level = 'maintain' THEN 4 WHEN g.level IN ('write', 'push') THEN 3 WHEN g.level = 'triage' THEN 2 ELSE 1 END, true)
)
SELECT c.subject, c.ticket_key, c.beneficiary, c.approver, c.approved_at, c.approved_at <= c.granted_at AND coalesce(c.granted_at < coalesce(c.valid_to, c.expires_at), true) AS in_time,
    c.approver IS NOT NULL AND c.approver IS DISTINCT FROM c.actor AND c.approver IS DISTINCT FROM c.beneficiary AND NOT list_contains(coalesce(c.grantees, []), c.approver) AS independent,
    coalesce(c.approver = w.manager_id OR c.approver = n.owner OR EXISTS (SELECT 1 FROM owners AS o WHERE list_contains(c.names, o.entitlement) AND contains(o.people, '"' || c.approver || '"')), false) AS by_right, proofs([c.evidence, w.evidence, n.evidence]) AS proofs
FROM covering AS c
LEFT JOIN worker_versions AS w ON w.worker_id = c.beneficiary AND (c.approved_at >= w.effective_at OR w.before_at IS NULL) AND (w.until IS NULL OR c.approved_at < w.until)
LEFT JOIN non_human_identities AS n ON n.nhi_id = c.beneficiary
