-- Approvals of deployments. The approvals list has neither time nor attempt, the audit log no environment: only together
-- do they say who approved what, when, for which attempt. What only one of them tells has NULL for the rest.
WITH listed AS (
    SELECT a.repo, a.run_id, a.user_id, e.value ->> '$.name' AS environment, a.user_type, a.user_login, a.evidence
    FROM github_deployment_approvals AS a, json_each(a.environments) AS e
    WHERE a.state = 'approved'
    QUALIFY row_number() OVER (PARTITION BY a.natural_key, e.key ORDER BY a.collected_at DESC, a.record DESC) = 1
), logged AS (
    SELECT l.repo, l.workflow_run_id AS run_id, l.actor_id AS user_id, l.event_time AS approved_at, l.actor_is_bot, l.evidence,
        coalesce(l.run_attempt, (SELECT max(r.run_attempt) FROM run_attempts AS r
                                 WHERE r.run_id = l.workflow_run_id AND r.started_at <= l.event_time), 1) AS run_attempt
    FROM github_audit_log AS l
    WHERE l.action = 'workflows.approve_workflow_job' AND l.row_status = 'first'
), joined AS (
    SELECT coalesce(a.repo, l.repo) AS repo, coalesce(a.run_id, l.run_id) AS run_id, coalesce(a.user_id, l.user_id) AS user_id,
        a.environment, l.approved_at, l.run_attempt, a.user_type = 'Bot' OR a.user_login LIKE '%[bot]' OR coalesce(l.actor_is_bot, false) AS bot,
        a.run_id IS NOT NULL AS is_listed, l.run_id IS NOT NULL AS is_logged, proofs([a.evidence, l.evidence]) AS evidence
    FROM listed AS a
    FULL JOIN logged AS l ON l.repo = a.repo AND l.run_id = a.run_id AND l.user_id = a.user_id
)
SELECT j.*, coalesce(p.principal_id, 'github:' || j.user_id) AS approver, p.principal_id IS NOT NULL AS resolved,
    coalesce(j.bot, false) OR coalesce(p.principal_type = 'nhi', false) AS by_machine
FROM joined AS j
LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(j.user_id AS VARCHAR)
    AND (j.approved_at IS NULL OR (j.approved_at >= p.valid_from AND (p.valid_to IS NULL OR j.approved_at < p.valid_to)))
    AND (j.approved_at IS NOT NULL OR p.valid_to IS NULL)
