-- Each root or break-glass use with the ticket that covers it, the end of its credential, and its review.
WITH covering AS (
    -- A ticket covers a use of the system that it names, from P_BG_OPEN_MIN before it was opened, as long as it or its
    -- incident lasts, at most a day where neither tells an end.
    SELECT u.subject, min_by(t.ticket_key, abs(date_diff('second', t.opened_at, u.starts_at))) AS ticket_key
    FROM root_uses AS u
    JOIN tickets AS t ON t.ticket_type IN ('break-glass', 'break_glass', 'emergency')
        AND (t.scope_system = u.system OR (u.system = 'github' AND t.scope_repo IS NOT NULL AND list_contains(
            list_transform(u.acts, lambda a: contains(a, t.scope_repo)), true)))
        AND t.opened_at <= u.starts_at + span_at('APD-09', 'P_BG_OPEN_MIN', u.starts_at)
        AND u.starts_at < coalesce(t.valid_to, t.closed_at, t.incident_resolved_at, t.opened_at + INTERVAL 1 DAY)
    GROUP BY u.subject
), ended AS (
    SELECT u.subject, min(v.called_at) AS revoked_at, flatten(list(v.proofs)) AS proofs
    FROM root_uses AS u
    JOIN vault_calls AS v ON u.system = 'vault' AND v.accessor = u.credential AND v.path LIKE 'auth/token/revoke%' AND NOT v.refused
        AND v.called_at >= u.starts_at
    GROUP BY u.subject
), reviews AS (
    SELECT r.*, list_filter(CAST(r.actions AS JSON)::JSON[], lambda a: coalesce(a ->> '$.justification', '') <> '') AS justified
    FROM (
        FROM company_break_glass_reviews QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
    ) AS r
), reviewed AS (
    SELECT u.subject, max(r.reviewed_at) AS last_review, list(r.evidence) AS proofs,
        bool_or(r.reviewer <> coalesce(u.principal, t.requester) AND r.reviewer <> t.requester
            AND r.reviewed_at <= business_deadline(u.ends_at, number_at('APD-09', 'P_BG_REVIEW_BD', u.ends_at))
            AND list_has_all(list_transform(r.justified, lambda a: coalesce(a ->> '$.request_id', a ->> '$.id')), u.act_keys)) AS good
    FROM root_uses AS u
    JOIN covering AS c ON c.subject = u.subject
    JOIN tickets AS t ON t.ticket_key = c.ticket_key
    JOIN reviews AS r ON r.ticket = c.ticket_key
    GROUP BY u.subject
)
SELECT u.*, t.ticket_key AS ticket, t.requester, t.approver, t.approved_at, t.scope, e.revoked_at, r.last_review, coalesce(r.good, false) AS reviewed,
    business_deadline(u.ends_at, number_at('APD-09', 'P_BG_REVIEW_BD', u.ends_at)) AS review_due,
    span_at('APD-09', 'P_BG_TTL', u.starts_at) AS longest, u.starts_at + span_at('APD-09', 'P_BG_OPEN_MIN', u.starts_at) AS ticket_due,
    proofs([t.evidence, t.incident_evidence]) AS ticket_proofs, proofs(coalesce(e.proofs, [])) AS end_proofs, proofs(coalesce(r.proofs, [])) AS review_proofs
FROM root_uses AS u
LEFT JOIN covering AS c ON c.subject = u.subject
LEFT JOIN tickets AS t ON t.ticket_key = c.ticket_key
LEFT JOIN ended AS e ON e.subject = u.subject
LEFT JOIN reviewed AS r ON r.subject = u.subject
