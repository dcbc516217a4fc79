-- Each interactive access with its ticket, whether the person was on call, what they had lately changed of the workload,
-- what the runtime sensor saw in the pod meanwhile, and the review.
WITH covering AS (
    SELECT a.subject, min_by(t.ticket_key, (abs(date_diff('second', t.opened_at, a.called_at)), t.ticket_key)) AS ticket_key
    FROM interactive_accesses AS a
    JOIN tickets AS t ON t.scope_system = 'kubernetes'
        AND coalesce(t.scope ->> '$.namespace', a.namespace, '-') = coalesce(a.namespace, '-')
        AND coalesce(t.scope ->> '$.cluster', a.cluster, '-') = coalesce(a.cluster, t.scope ->> '$.cluster', '-')
        AND coalesce(t.scope ->> '$.person', t.beneficiary, t.requester) = a.principal
        AND t.opened_at <= a.called_at + span_at('APD-12', 'P_BG_OPEN_MIN', a.called_at)
        AND a.called_at < coalesce(t.valid_to, t.expires_at, t.closed_at, t.incident_resolved_at, t.opened_at + INTERVAL 1 DAY)
    GROUP BY a.subject
), duty AS (
    SELECT a.subject, list(o.evidence) AS proofs
    FROM interactive_accesses AS a
    JOIN company_on_call AS o ON o.worker = a.principal AND a.called_at >= o.starts_at AND a.called_at < coalesce(o.ends_at, 'infinity')
    GROUP BY a.subject
), authored AS (
    -- What the person contributed to changes of the workload's service that were deployed in the last P_SOD_LOOKBACK.
    SELECT a.subject, string_agg(DISTINCT c.change, ', ' ORDER BY c.change) AS authored, list(c.evidence) AS proofs
    FROM interactive_accesses AS a
    JOIN production_deployments AS d ON (a.pod = d.service OR starts_with(a.pod, d.service || '-')) AND d.created_at < a.called_at
        AND d.created_at >= a.called_at - span_at('APD-12', 'P_SOD_LOOKBACK', a.called_at)
    JOIN deployed_changes AS b ON b.release = d.subject
    JOIN change_reviews AS c ON c.change = b.change AND list_contains(c.contributors, a.principal)
    GROUP BY a.subject
), seen AS (
    SELECT a.subject, string_agg(DISTINCT f.rule, ', ' ORDER BY f.rule) AS seen, list(f.evidence) AS proofs
    FROM interactive_accesses AS a
    JOIN falco_alerts AS f ON f.namespace = a.namespace AND f.pod = a.pod
        AND f.event_time >= a.called_at - span_at('APD-12', 'P_CLOCK_SKEW', a.called_at)
        AND f.event_time <= a.ended_at + span_at('APD-12', 'P_CLOCK_SKEW', a.called_at)
    GROUP BY a.subject
), reviewed AS (
    SELECT a.subject, max(r.reviewed_at) AS last_review, list(r.evidence) AS proofs,
        bool_or(r.reviewer <> a.principal AND r.reviewer <> t.requester) AS by_other,
        bool_or(r.reviewer <> a.principal AND r.reviewer <> t.requester
            AND r.reviewed_at <= business_deadline(a.ended_at, number_at('APD-12', 'P_BG_REVIEW_BD', a.ended_at))) AS good
    FROM interactive_accesses AS a
    JOIN covering AS c ON c.subject = a.subject
    JOIN tickets AS t ON t.ticket_key = c.ticket_key
    JOIN company_break_glass_reviews AS r ON r.ticket = c.ticket_key
    GROUP BY a.subject
)
SELECT a.*, t.ticket_key AS ticket, t.requester, t.approver, t.approved_at, d.subject IS NOT NULL AS on_duty, k.authored, f.seen,
    r.last_review, coalesce(r.by_other, false) AS reviewed_by_other, coalesce(r.good, false) AS reviewed_in_time,
    business_deadline(a.ended_at, number_at('APD-12', 'P_BG_REVIEW_BD', a.ended_at)) AS review_due,
    a.called_at + span_at('APD-12', 'P_BG_OPEN_MIN', a.called_at) AS ticket_due,
    proofs([t.evidence, t.incident_evidence]) AS ticket_proofs, proofs(list_concat(coalesce(d.proofs, []), coalesce(k.proofs, []))) AS duty_proofs,
    proofs(coalesce(f.proofs, [])) AS seen_proofs, proofs(coalesce(r.proofs, [])) AS review_proofs
FROM interactive_accesses AS a
LEFT JOIN covering AS c ON c.subject = a.subject
LEFT JOIN tickets AS t ON t.ticket_key = c.ticket_key
LEFT JOIN duty AS d ON d.subject = a.subject
LEFT JOIN authored AS k ON k.subject = a.subject
LEFT JOIN seen AS f ON f.subject = a.subject
LEFT JOIN reviewed AS r ON r.subject = a.subject
