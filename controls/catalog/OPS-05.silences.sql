WITH members AS (
    SELECT s.*, 'silence:' || s.silence_id AS subject, coalesce(w.worker_id, p.principal_id) AS author,
        len(list_filter(coalesce(json_extract(s.matchers, '$[*]'), []), lambda m: (m ->> '$.name') = 'severity' AND contains(m ->> '$.value', 'critical'))) > 0 OR s.matchers IS NULL AS critical,
        list_filter(list_transform(coalesce(json_extract(s.matchers, '$[*]'), []), lambda m: CASE WHEN (m ->> '$.name') = 'service' THEN m ->> '$.value' END), lambda v: v IS NOT NULL) AS services
    FROM (
        FROM alertmanager_silences QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY updated_at DESC NULLS LAST, collected_at DESC, record DESC) = 1
    ) AS s
    LEFT JOIN workers AS w ON lower(w.email) = lower(s.created_by) OR w.worker_id = s.created_by
    LEFT JOIN principals AS p ON p.system = 'github' AND lower(p.account_label) = lower(s.created_by) AND p.valid_to IS NULL
    WHERE s.starts_at < $period_end AND s.ends_at > $period_start
), ticketed AS (
    SELECT m.subject, min(t.ticket_key) AS ticket, bool_or(t.approver <> m.author AND t.approved_at <= m.starts_at) AS approved, list(t.evidence) AS proofs
    FROM members AS m JOIN tickets AS t ON contains(m.comment, t.ticket_key) GROUP BY m.subject
), own AS (
    SELECT m.subject, string_agg(DISTINCT d.subject, ', ' ORDER BY d.subject) AS deployments, flatten(list(d.evidence)) AS proofs
    FROM members AS m
    JOIN production_deployments AS d ON d.created_at >= m.starts_at AND d.created_at < m.ends_at AND (len(m.services) = 0 OR list_contains(m.services, d.service))
    JOIN deployed_changes AS x ON x.release = d.subject
    JOIN change_reviews AS c ON c.change = x.change AND list_contains(c.contributors, m.author)
    GROUP BY m.subject
), facts AS (
    SELECT m.*, t.ticket, coalesce(t.approved, false) AS approved, o.deployments, m.ends_at - m.starts_at > span_at('OPS-05', 'P_SILENCE_MAX', m.starts_at) AS long,
        proofs(list_concat([m.evidence], coalesce(t.proofs, []), coalesce(o.proofs, []))) AS proofs
    FROM members AS m LEFT JOIN ticketed AS t USING (subject) LEFT JOIN own AS o USING (subject)
)
SELECT 'silences' AS population, subject, 'D' AS attribute,
    CASE WHEN created_by IS NULL OR ticket IS NULL OR long OR (critical AND NOT approved) THEN 'EXCEPTION' ELSE 'PASS' END AS verdict,
    concat_ws('; ', coalesce('ticket ' || ticket, 'its comment names no ticket'), CASE WHEN long THEN 'longer than allowed' END,
        CASE WHEN critical AND NOT approved THEN 'critical alerts, not approved by somebody else' END) AS reason, starts_at AS event_time, proofs AS evidence
FROM facts
UNION ALL
SELECT 'silences', subject, 'E', CASE WHEN deployments IS NOT NULL AND NOT approved THEN 'EXCEPTION' WHEN author IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END,
    CASE WHEN author IS NULL THEN 'who made it is not known: ' ELSE '' END || coalesce('covers ' || deployments || ', which its author contributed to', 'covers no deployment of its author''s changes'), starts_at, proofs
FROM facts
