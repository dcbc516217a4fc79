-- One row per run attempt and production environment (CHG-06): from deployments, and from jobs that the audit log says
-- were prepared for the environment. The audit log names no attempt: the time does.
WITH prepared AS (
    SELECT l.repo, l.workflow_run_id AS run_id, l.environment_name AS environment, l.job_name, l.event_time, l.evidence,
        coalesce((SELECT max(a.run_attempt) FROM run_attempts AS a WHERE a.run_id = l.workflow_run_id AND a.started_at <= l.event_time), 1) AS run_attempt
    FROM github_audit_log AS l
    JOIN scope_repositories AS s ON s.repo = l.repo
    JOIN scope_environments AS e ON e.environment = l.environment_name
    WHERE l.action = 'workflows.prepared_workflow_job' AND l.row_status = 'first'
), sources AS (
    SELECT repo, run_id, run_attempt, environment, NULL AS job_name, NULL AS job_id, deployment_id, sha, created_at AS told_at, evidence
    FROM production_deployments WHERE run_id IS NOT NULL
    UNION ALL
    SELECT repo, run_id, run_attempt, environment, job_name, NULL, NULL, NULL, event_time, [evidence] FROM prepared
), attempts AS (
    SELECT repo, run_id, run_attempt, environment, list_distinct(list(job_name)) AS job_names, list_distinct(list(deployment_id)) AS deployments,
        any_value(sha) AS sha, min(told_at) FILTER (deployment_id IS NOT NULL) AS deployed_at, min(told_at) AS told_at,
        flatten(list(evidence)) AS proofs
    FROM sources GROUP BY repo, run_id, run_attempt, environment
), jobs AS (
    -- The attempt's jobs for the environment: those that were prepared, else its only one, else none is known.
    SELECT a.repo, a.run_id, a.run_attempt, a.environment, min(j.started_at) AS started_at, max(j.completed_at) AS completed_at,
        list(j.evidence) AS proofs
    FROM attempts AS a
    JOIN (
        SELECT *, count(*) OVER (PARTITION BY run_id, run_attempt) AS siblings FROM github_workflow_jobs
        QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
    ) AS j ON j.run_id = a.run_id AND j.run_attempt = a.run_attempt AND (list_contains(a.job_names, j.name) OR j.siblings = 1
        OR (len(a.job_names) = 0 AND j.started_at = a.deployed_at))
    GROUP BY ALL
)
SELECT a.repo, a.run_id, a.run_attempt, a.environment, a.repo || ':' || a.run_id || '/' || a.run_attempt || ':' || a.environment AS subject,
    s.service, s.sox_critical, a.deployments, coalesce(a.sha, r.head_sha) AS sha, r.path, r.trigger_event, r.trigger_principal, r.resolved,
    r.automatic, r.started_at AS attempt_started_at, r.next_started_at, r.ended_at, r.conclusion,
    coalesce(j.started_at, a.deployed_at, a.told_at) AS started_at, j.completed_at, a.deployed_at,
    coalesce(a.deployed_at, j.started_at, a.told_at) AS happened_at,
    list_transform(a.deployments, lambda d: a.repo || ':deployment:' || d) AS changes,
    proofs(list_concat(a.proofs, coalesce(j.proofs, []), [r.evidence])) AS evidence
FROM attempts AS a
JOIN scope_repositories AS s ON s.repo = a.repo
LEFT JOIN run_attempts AS r ON r.run_id = a.run_id AND r.run_attempt = a.run_attempt
LEFT JOIN jobs AS j ON j.repo = a.repo AND j.run_id = a.run_id AND j.run_attempt = a.run_attempt AND j.environment = a.environment
