-- One row per grant (APD-01): the requests that cover it, who the grantees were for HR then, and by what right it was granted.
WITH covered AS (
    SELECT subject, list(DISTINCT beneficiary) FILTER (in_time) AS beneficiaries, count(*) FILTER (in_time) AS tickets, min(ticket_key) FILTER (in_time) AS ticket, min(approved_at) FILTER (NOT in_time) AS late_at,
        coalesce(bool_or(independent AND by_right) FILTER (in_time), false) AS right_approver, string_agg(DISTINCT coalesce(approver, 'nobody'), ', ') FILTER (in_time) AS approvers, flatten(list(proofs)) AS proofs
    FROM granted_by_ticket GROUP BY subject
), persons AS (
    SELECT g.subject, bool_and(w.worker_id IS NOT NULL) AS known, bool_and(w.hired_at <= g.granted_at AND coalesce(g.granted_at < w.terminated_at, w.status IS DISTINCT FROM 'terminated') AND v.status IS DISTINCT FROM 'leave') AS employed,
        string_agg(g.grantee, ', ' ORDER BY g.grantee) AS who, list(w.evidence) AS proofs
    FROM (SELECT subject, granted_at, unnest(grantees) AS grantee FROM access_grants) AS g LEFT JOIN workers AS w ON w.worker_id = g.grantee
    LEFT JOIN worker_versions AS v ON v.worker_id = g.grantee AND (g.granted_at >= v.effective_at OR v.before_at IS NULL) AND (v.until IS NULL OR g.granted_at < v.until)
    WHERE g.grantee NOT IN (SELECT nhi_id FROM non_human_identities) GROUP BY g.subject
), administrators AS (
    -- Who may grant: the identity provider's and Terraform's identities, and the members of the group of access administrators.
    SELECT worker_id AS principal, TIMESTAMPTZ '1970-01-01 00:00:00Z' AS since FROM scope_people WHERE role = 'access_admins'
    UNION ALL SELECT principal, as_of - INTERVAL 1 DAY FROM held_entitlements WHERE regexp_full_match(object, '(?i)(team|group) (access|iam|identity)[-_ ]?(admin\w*|team|management)?')
), machines AS (
    SELECT nhi_id FROM non_human_identities
    WHERE regexp_matches(concat_ws(' ', nhi_id, kind, purpose), '(?i)\b(scim|idp|identity provider|sso|terraform|infrastructure pipeline|deploy identity)\b')
)
SELECT m.*, c.beneficiaries, coalesce(c.tickets, 0) AS tickets, c.ticket, c.late_at, coalesce(c.right_approver, false) AS right_approver, c.approvers, coalesce(c.proofs, []) AS ticket_proofs,
    p.who, p.known, p.employed, coalesce(p.proofs, []) AS person_proofs, list_contains(coalesce(m.grantees, []), m.actor) AS by_oneself,
    m.run IS NOT NULL OR m.actor IN (SELECT nhi_id FROM machines) AS by_pipeline, EXISTS (SELECT 1 FROM administrators AS a WHERE a.principal = m.actor AND a.since <= m.granted_at) AS by_administrator,
    EXISTS (SELECT 1 FROM administrators) AS administrators_known
FROM access_grants AS m LEFT JOIN covered AS c USING (subject) LEFT JOIN persons AS p USING (subject)
