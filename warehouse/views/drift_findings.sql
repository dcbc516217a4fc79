-- Drift of one address of a workspace, from the check that first saw it to the first later check that saw it no more, with the
-- ticket that was opened on it, and what explains it: a state that no run wrote since the check before, or a ticket's cause.
WITH runs AS (
    SELECT *, lag(started_at) OVER told AS before_at, lead(started_at) OVER told AS next_at FROM drift_runs WHERE successful WINDOW told AS (PARTITION BY workspace ORDER BY started_at)
), seen AS (
    SELECT DISTINCT r.workspace, r.started_at, r.before_at, r.evidence, unnest(r.found) AS address FROM runs AS r
), opened AS (
    SELECT s.*, lead(s.started_at) OVER (PARTITION BY s.workspace, s.address ORDER BY s.started_at) AS again_at,
        NOT coalesce(lag(s.started_at) OVER (PARTITION BY s.workspace, s.address ORDER BY s.started_at) = s.before_at, false) AS fresh
    FROM seen AS s
), starts AS (
    SELECT workspace, address, started_at AS first_seen, before_at, evidence, lead(started_at) OVER (PARTITION BY workspace, address ORDER BY started_at) AS next_finding FROM opened WHERE fresh
), ended AS (
    SELECT f.workspace, f.address, f.first_seen, min(r.started_at) AS resolved_at, min_by(r.evidence, r.started_at) AS evidence
    FROM starts AS f JOIN runs AS r ON r.workspace = f.workspace AND r.started_at > f.first_seen AND (f.next_finding IS NULL OR r.started_at < f.next_finding) AND NOT list_contains(r.found, f.address)
    GROUP BY ALL
), ticketed AS (
    SELECT f.workspace, f.address, f.first_seen, min(t.opened_at) AS opened_at, min_by(t.ticket_key, t.opened_at) AS ticket, bool_or(coalesce(t.fields ->> '$.cause', t.fields ->> '$.root_cause') IS NOT NULL) AS caused,
        bool_or(coalesce(t.fields ->> '$.escalated', t.fields ->> '$.escalated_at', t.incident) NOT IN ('false', '')) AS escalated, list(t.evidence) AS proofs
    FROM starts AS f JOIN tickets AS t ON t.opened_at >= f.first_seen AND (f.next_finding IS NULL OR t.opened_at < f.next_finding)
        AND scope_has(t.scope, f.address) AND ((t.scope ->> '$.workspace') IS NULL OR (t.scope ->> '$.workspace') = f.workspace)
    GROUP BY ALL
), causes AS (
    SELECT f.workspace, f.address, f.first_seen, min(v.subject) AS version, list(v.evidence) AS proofs
    FROM starts AS f JOIN workspaces AS w USING (workspace) JOIN state_versions AS v ON v.state = w.state AND len(v.runs) = 0 AND v.last_modified <= f.first_seen AND v.last_modified >= coalesce(f.before_at, f.first_seen - INTERVAL 1 DAY)
    GROUP BY ALL
)
SELECT f.workspace || ':' || f.address || ':' || instant_text(f.first_seen) AS subject, f.workspace, f.address, f.first_seen, e.resolved_at, f.first_seen + span_at('CHG-12', 'P_DRIFT_SLA', f.first_seen) AS due,
    t.opened_at, t.ticket, coalesce(t.caused, false) AS caused, coalesce(t.escalated, false) AS escalated, c.version, proofs(list_concat([f.evidence, e.evidence], coalesce(t.proofs, []), coalesce(c.proofs, []))) AS proofs
FROM starts AS f
LEFT JOIN ended AS e ON e.workspace = f.workspace AND e.address = f.address AND e.first_seen = f.first_seen
LEFT JOIN ticketed AS t ON t.workspace = f.workspace AND t.address = f.address AND t.first_seen = f.first_seen
LEFT JOIN causes AS c ON c.workspace = f.workspace AND c.address = f.address AND c.first_seen = f.first_seen
