-- Movers: changes of job or department, with the entitlements that were held by a snapshot or a grant before and neither ended
-- nor were approved anew by the manager in the new role within P_MOVER_DAYS. What the new role's baseline (scope entry
-- `role_baselines`: job -> names) names may stay; where none is stated, everything held counts as the old role's.
WITH changes AS (
    SELECT v.*, v.effective_at AS changed_at, v.effective_at + span_at('APD-01', 'P_MOVER_DAYS', v.effective_at) AS due
    FROM worker_versions AS v
    WHERE v.job <> v.job_before OR v.department <> v.department_before
), baselines AS (
    SELECT e.key AS job, list_transform(TRY_CAST(e.value AS VARCHAR[]), lambda n: lower(n)) AS names FROM scope_values AS v, json_each(v.value) AS e WHERE v.name = 'role_baselines'
), shown AS (
    SELECT c.worker_id, c.changed_at, c.due, c.manager_id, c.job, h.system, h.principal, h.object, max(h.as_of) AS as_of, any_value(h.names) AS names, max_by(h.evidence, h.as_of) AS evidence
    FROM changes AS c JOIN held_entitlements AS h ON h.principal = c.worker_id AND h.as_of <= c.changed_at AND (h.next_at IS NULL OR h.next_at > c.changed_at)
    WHERE h.object <> 'organisation' OR list_contains(h.names, 'admin')
    GROUP BY ALL
    UNION ALL
    SELECT c.worker_id, c.changed_at, c.due, c.manager_id, c.job, g.system, c.worker_id, g.object, max(g.granted_at), any_value(g.names), max_by(g.proofs[1], g.granted_at)
    FROM changes AS c JOIN access_grants AS g ON list_contains(g.grantees, c.worker_id) AND g.granted_at <= c.changed_at AND (g.object <> 'organisation' OR g.level IN ('admin', 'owner'))
    WHERE NOT EXISTS (SELECT 1 FROM access_removals AS x WHERE x.system = g.system AND x.principal = c.worker_id AND coalesce(x.object, g.object) = g.object AND x.removed_at > g.granted_at AND x.removed_at <= c.changed_at)
    GROUP BY ALL
), held AS (
    FROM shown QUALIFY row_number() OVER (PARTITION BY worker_id, changed_at, system, object ORDER BY as_of DESC) = 1
), ended AS (
    SELECT h.worker_id, h.changed_at, h.system, h.object, list(x.evidence) AS proofs
    FROM held AS h JOIN access_removals AS x ON x.system = h.system AND x.principal = h.principal AND coalesce(x.object, h.object) = h.object AND x.removed_at > h.as_of AND x.removed_at <= h.due
    GROUP BY ALL
), renewed AS (
    SELECT h.worker_id, h.changed_at, h.system, h.object, list(t.evidence) AS proofs
    FROM held AS h JOIN access_tickets AS t ON t.beneficiary = h.worker_id AND t.approver = h.manager_id AND t.approved_at >= h.changed_at AND t.approved_at <= h.due
    WHERE any_named(h.names, t.tokens)
    GROUP BY ALL
), judged AS (
    SELECT h.*, coalesce(e.proofs, []) || coalesce(r.proofs, []) AS proofs, e.object IS NOT NULL OR r.object IS NOT NULL OR EXISTS (
        SELECT 1 FROM baselines AS b WHERE b.job = h.job AND any_named(h.names, b.names)) AS settled
    FROM held AS h
    LEFT JOIN ended AS e ON e.worker_id = h.worker_id AND e.changed_at = h.changed_at AND e.system = h.system AND e.object = h.object
    LEFT JOIN renewed AS r ON r.worker_id = h.worker_id AND r.changed_at = h.changed_at AND r.system = h.system AND r.object = h.object
), totals AS (
    SELECT worker_id, changed_at, count(*) AS held, list(system || ' ' || object ORDER BY system, object) FILTER (NOT settled) AS kept, list(evidence) || flatten(list(proofs)) AS proofs
    FROM judged GROUP BY ALL
)
SELECT c.worker_id || ':' || instant_text(c.changed_at) AS subject, c.worker_id, c.changed_at, c.due,
    concat_ws('; ', CASE WHEN c.job <> c.job_before THEN c.job_before || ' becomes ' || c.job END, CASE WHEN c.department <> c.department_before THEN c.department_before || ' becomes ' || c.department END) AS change,
    coalesce(t.held, 0) AS held, coalesce(t.kept, []) AS kept, proofs(list_concat([c.evidence, c.evidence_before], coalesce(t.proofs, []))) AS proofs
FROM changes AS c LEFT JOIN totals AS t ON t.worker_id = c.worker_id AND t.changed_at = c.changed_at
