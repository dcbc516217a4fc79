-- One row per run attempt and production environment: how it was approved, by whom, independent of whom (CHG-06).
-- `rollback`: a machine put a commit back that had been deployed before, by the rollback workflow.
WITH settings AS (
    -- The environment's settings of that local day: the last observation before the attempt, else the day's first.
    SELECT a.subject, max_by(d.as_of, CASE WHEN d.as_of <= a.started_at THEN epoch_us(d.as_of) ELSE -epoch_us(d.as_of) END) AS as_of
    FROM deployment_attempts AS a
    JOIN environment_days AS d ON d.repo = a.repo AND d.environment = a.environment AND d.day = local_day(a.started_at)
    GROUP BY a.subject
), configured AS (
    SELECT s.subject, d.* EXCLUDE (repo, environment)
    FROM settings AS s
    JOIN deployment_attempts AS a ON a.subject = s.subject
    JOIN environment_days AS d ON d.repo = a.repo AND d.environment = a.environment AND d.as_of = s.as_of
), brought AS (
    SELECT a.subject, coalesce(flatten(list(c.contributors) FILTER (c.change IS NOT NULL)), []) AS contributors,
        coalesce(bool_or(c.unresolved OR c.commits_missing), false) AS unresolved, list(DISTINCT c.change) FILTER (c.change IS NOT NULL) AS brought, list(c.evidence) FILTER (c.change IS NOT NULL) AS proofs
    FROM deployment_attempts AS a
    LEFT JOIN deployed_changes AS d ON d.repo = a.repo AND (d.release = a.subject OR list_contains(a.changes, d.release))
    LEFT JOIN change_reviews AS c ON c.change = d.change
    GROUP BY a.subject
), clocks AS (
    SELECT day, sum(abs(offset_s)) AS skew FROM clock_days WHERE stream IN ('github.audit_log', 'github.workflow_jobs') GROUP BY day
), approved AS (
    SELECT a.subject, v.approver, v.resolved, b.unresolved AND coalesce(parameter_at('CHG-06', 'P_STRICT_SOD', a.happened_at) = 'true', true) AS unresolved, v.run_attempt, v.approved_at, v.evidence,
        v.is_listed AND v.is_logged AND v.environment = a.environment AND v.run_attempt = a.run_attempt AND NOT v.by_machine AS whole,
        v.is_listed <> v.is_logged AND coalesce(v.environment, a.environment) = a.environment
            AND coalesce(v.run_attempt, a.run_attempt) = a.run_attempt AND NOT v.by_machine AS half,
        v.is_listed AND v.is_logged AND v.environment = a.environment AND v.run_attempt < a.run_attempt AND NOT v.by_machine AS earlier,
        CASE WHEN d.as_of IS NULL THEN NULL ELSE list_contains(d.reviewer_ids, v.user_id) END AS entitled,
        CASE WHEN abs(date_diff('millisecond', v.approved_at, a.started_at)) < coalesce(k.skew, 0) * 1000 THEN NULL
             ELSE v.approved_at <= a.started_at END AS in_time,
        v.approver <> coalesce(a.trigger_principal, '') AND (NOT coalesce(
            parameter_at('CHG-06', 'P_STRICT_SOD', a.happened_at) = 'true', true) OR NOT list_contains(b.contributors, v.approver)) AS independent
    FROM deployment_attempts AS a
    JOIN environment_approvals AS v ON v.repo = a.repo AND v.run_id = a.run_id
    JOIN brought AS b ON b.subject = a.subject
    LEFT JOIN configured AS d ON d.subject = a.subject
    LEFT JOIN clocks AS k ON k.day = local_day(v.approved_at)
), summed AS (
    SELECT subject, count(*) FILTER (whole) AS whole, count(*) FILTER (half) AS half, count(*) FILTER (earlier) AS earlier,
        count(*) FILTER (whole AND entitled AND in_time) AS good,
        count(*) FILTER (whole AND coalesce(entitled, true) AND coalesce(in_time, true)) AS perhaps,
        count(*) FILTER (whole AND independent AND resolved AND NOT unresolved) AS independent, count(*) FILTER (whole AND independent) AS perhaps_independent,
        string_agg(approver || ' at ' || instant_text(approved_at), ', ' ORDER BY approved_at, approver) FILTER (whole) AS approvals,
        flatten(list(evidence) FILTER (whole OR half OR earlier)) AS proofs
    FROM approved GROUP BY subject
), bypassed AS (
    SELECT a.subject, min(l.event_time) AS bypassed_at, min(l.actor) AS bypassed_by, list(l.evidence) AS proofs
    FROM deployment_attempts AS a
    JOIN github_audit_log AS l ON l.action = 'workflows.bypass_protection_rules' AND l.workflow_run_id = a.run_id
        AND l.event_time >= coalesce(a.attempt_started_at, '-infinity') AND l.event_time < coalesce(a.next_started_at, 'infinity')
    GROUP BY a.subject
), before AS (
    SELECT DISTINCT a.subject FROM deployment_attempts AS a
    JOIN production_deployments AS d ON d.repo = a.repo AND d.environment = a.environment AND d.sha = a.sha AND d.succeeded_at < a.happened_at
)
SELECT a.* EXCLUDE (evidence), b.brought, b.contributors, coalesce(s.whole, 0) AS whole, coalesce(s.half, 0) AS half, coalesce(s.earlier, 0) AS earlier,
    coalesce(s.good, 0) AS good, coalesce(s.perhaps, 0) AS perhaps, coalesce(s.independent, 0) AS independent,
    coalesce(s.perhaps_independent, 0) AS perhaps_independent, s.approvals, y.bypassed_at, y.bypassed_by,
    d.as_of AS settings_at, d.reviewer_entries, d.no_self_review, d.protected_branches_only, d.can_admins_bypass,
    coalesce(a.automatic AND f.subject IS NOT NULL AND a.path = (SELECT value FROM scope_values WHERE name = 'rollback_workflow'), false) AS rollback,
    a.evidence AS attempt_proofs, proofs(coalesce(s.proofs, [])) AS approval_proofs, proofs([d.evidence]) AS settings_proofs,
    proofs(coalesce(y.proofs, [])) AS bypass_proofs, proofs(coalesce(b.proofs, [])) AS change_proofs
FROM deployment_attempts AS a
JOIN brought AS b ON b.subject = a.subject
LEFT JOIN configured AS d ON d.subject = a.subject
LEFT JOIN summed AS s ON s.subject = a.subject
LEFT JOIN bypassed AS y ON y.subject = a.subject
LEFT JOIN before AS f ON f.subject = a.subject
