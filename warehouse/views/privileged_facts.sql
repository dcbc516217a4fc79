-- One row per observation of a holder of a privileged role: does the roster of that day or a request cover it, until when was
-- it allowed, and how many owners were seen then.
WITH entries AS (
    FROM company_privileged_roles QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), rostered AS (
    SELECT h.system, h.role, h.principal, h.since, list(r.evidence) AS proofs
    FROM privileged_holders AS h
    JOIN entries AS r ON r.principal = h.principal AND r.system = h.system AND r.role IN (h.role, h.role || ':*', split_part(h.role, ':', 1)) AND r.approved_by IS DISTINCT FROM h.principal AND r.approved_by IS NOT NULL
        AND r.approved_at <= h.since AND coalesce(r.valid_from, r.approved_at) <= h.since AND (r.valid_to IS NULL OR h.since < r.valid_to)
    GROUP BY ALL
), elevated AS (
    SELECT h.system, h.role, h.principal, h.since, h.event, max(h.until) AS until, min(t.ticket_key) AS ticket, max(t.expires_at - t.approved_at) AS allowed, max(t.expires_at) AS expires_at, list(t.evidence) AS proofs
    FROM privileged_holders AS h
    JOIN access_tickets AS t ON t.beneficiary = h.principal AND t.approver IS DISTINCT FROM h.principal AND t.approver IS NOT NULL AND coalesce(t.system, h.system) = h.system AND t.approved_at <= h.since
        AND (h.since < t.expires_at OR (t.expires_at IS NULL AND t.approver IN (SELECT worker_id FROM scope_people WHERE role = 'security_team')))
        AND (h.system <> 'github' OR coalesce(t.level, 5) >= 5)
        AND any_named(list_concat([h.role, regexp_extract(h.role, '([^:]+)$', 1)], h.names), t.tokens)
    GROUP BY ALL
), owners AS (
    SELECT since, count(DISTINCT principal) AS owners, list(DISTINCT principal) AS principals FROM privileged_holders WHERE role = 'owner' AND NOT event GROUP BY since
), counted AS (
    -- Owners at an observation: of that snapshot, or of the last one before an event and whom the event made one.
    SELECT h.principal, h.since, h.event, max_by(o.owners + CASE WHEN list_contains(o.principals, h.principal) THEN 0 ELSE 1 END, o.since) AS owners
    FROM privileged_holders AS h JOIN owners AS o ON o.since <= h.since WHERE h.role = 'owner' GROUP BY ALL
)
SELECT h.principal || '/' || h.system || ':' || h.role AS subject, h.*, r.since IS NOT NULL AS rostered,
    EXISTS (SELECT 1 FROM scope_people AS s WHERE s.role = 'approved_platform_bindings' AND h.system = 'kubernetes' AND list_contains(h.names, s.worker_id)) AS listed, e.ticket, e.allowed, e.expires_at, o.owners,
    proofs(list_concat([h.evidence], coalesce(r.proofs, []), coalesce(e.proofs, []))) AS proofs
FROM privileged_holders AS h
LEFT JOIN rostered AS r ON r.system = h.system AND r.role = h.role AND r.principal = h.principal AND r.since = h.since
LEFT JOIN elevated AS e ON e.system = h.system AND e.role = h.role AND e.principal = h.principal AND e.since = h.since AND e.event = h.event
LEFT JOIN counted AS o ON h.role = 'owner' AND o.principal = h.principal AND o.since = h.since AND o.event = h.event
