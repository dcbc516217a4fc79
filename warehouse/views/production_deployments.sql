-- Deployments to production environments of repositories in scope, with the run attempt that made each: by payload, by the
-- address that a status names (a job, else a run), and when the deployment first succeeded or failed.
WITH held AS (
    SELECT d.*, s.service, s.sox_critical, s.image AS service_image
    FROM (
        FROM github_deployments
        QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY updated_at DESC NULLS LAST, collected_at DESC, record DESC) = 1
    ) AS d
    JOIN scope_repositories AS s ON s.repo = d.repo
    JOIN scope_environments AS e ON e.environment = d.environment
), statuses AS (
    SELECT deployment_id, min(created_at) FILTER (state = 'success') AS succeeded_at,
        min(created_at) FILTER (state IN ('failure', 'error')) AS failed_at,
        max(TRY_CAST(regexp_extract(coalesce(log_url, '') || ' ' || coalesce(target_url, ''), '/actions/runs/([0-9]+)', 1) AS BIGINT)) AS run_id,
        max(TRY_CAST(regexp_extract(coalesce(log_url, '') || ' ' || coalesce(target_url, ''), '/job/([0-9]+)', 1) AS BIGINT)) AS job_id,
        list(evidence) AS proofs
    FROM github_deployment_statuses GROUP BY deployment_id
)
SELECT h.repo, h.deployment_id, h.environment, h.sha, h.ref, h.created_at, h.creator_id, h.payload_image AS image_ref, h.service, h.sox_critical,
    h.service_image, h.repo || ':deployment:' || h.deployment_id AS subject, s.succeeded_at, s.failed_at, s.job_id,
    coalesce(h.payload_run_id, s.run_id, j.run_id) AS run_id,
    coalesce(h.payload_run_attempt, j.run_attempt, (
        SELECT max(a.run_attempt) FROM run_attempts AS a
        WHERE a.run_id = coalesce(h.payload_run_id, s.run_id) AND a.started_at <= h.created_at), 1) AS run_attempt,
    proofs(list_append(coalesce(s.proofs, []), h.evidence)) AS evidence
FROM held AS h
LEFT JOIN statuses AS s ON s.deployment_id = h.deployment_id
LEFT JOIN github_workflow_jobs AS j ON j.job_id = s.job_id
