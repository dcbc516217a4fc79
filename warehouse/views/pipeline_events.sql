-- Audit events that change the settings of pipelines in scope, or delete what they leave (CHG-14), with the ticket that covers
-- a setting, and when the deleted run was made.
WITH told AS (
    SELECT 'github.audit_log:' || coalesce(a.document_id, a.natural_key) AS subject, a.event_time, a.action, a.repo, a.workflow_run_id, a.evidence,
        coalesce(p.principal_id, 'github:' || a.actor_id) AS actor, coalesce(a.fields ->> '$.runner_group_name', a.fields ->> '$.runner_group') AS runner_group, a.name, a.environment_name,
        regexp_full_match(a.action, 'checks\.delete_logs|workflows\.delete_workflow_run|artifact\.destroy') AS deletes, a.action LIKE '%.register_self_hosted_runner' AS registers
    FROM github_audit_log AS a
    LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(a.actor_id AS VARCHAR) AND a.event_time >= p.valid_from AND (p.valid_to IS NULL OR a.event_time < p.valid_to)
    WHERE a.row_status = 'first' AND regexp_matches(a.action, '^(org\.set_actions_|repo\.actions_enabled$|workflows\.(disable|enable)_workflow$|environment\.\w*protection_rule$|environment\.\w*secret$|org\.runner_group_|(repo|org)\.register_self_hosted_runner$|\w+\.\w+_actions_secret$|checks\.delete_logs$|workflows\.delete_workflow_run$|artifact\.destroy$)')
        AND CASE WHEN a.repo IS NOT NULL THEN a.repo IN (SELECT repo FROM scope_repositories) ELSE coalesce(a.org = (SELECT max(value) FROM scope_values WHERE name = 'org'), true) END
), ticketed AS (
    SELECT e.subject, min(t.ticket_key) AS ticket, list(t.evidence) AS proofs
    FROM told AS e JOIN tickets AS t ON t.approved_at <= e.event_time AND coalesce(t.valid_to, t.expires_at, t.closed_at, t.approved_at + INTERVAL 7 DAY) >= e.event_time
        AND t.approver IS DISTINCT FROM t.requester AND t.approver IS DISTINCT FROM e.actor
        AND CASE WHEN t.scope_repo IS NOT NULL THEN t.scope_repo = e.repo WHEN e.repo IS NOT NULL THEN scope_has(t.scope, e.action) ELSE scope_has(t.scope, e.action) OR t.scope_system = 'github' OR scope_has(t.scope, (SELECT max(value) FROM scope_values WHERE name = 'org')) END
    GROUP BY e.subject
), runs AS (
    SELECT run_id, min(created_at) AS run_at FROM github_workflow_runs GROUP BY run_id
)
SELECT e.*, t.ticket, r.run_at, proofs(list_append(coalesce(t.proofs, []), e.evidence)) AS proofs
FROM told AS e LEFT JOIN ticketed AS t USING (subject) LEFT JOIN runs AS r ON r.run_id = e.workflow_run_id
