-- Attempts of workflow runs: who started each, from when to when it ran. `automatic`: a machine started it.
SELECT r.repo, r.run_id, r.run_attempt, r.path, r.trigger_event, r.head_sha, r.head_branch, r.conclusion, r.run_started_at AS started_at,
    r.updated_at AS ended_at, lead(r.run_started_at) OVER (PARTITION BY r.run_id ORDER BY r.run_attempt) AS next_started_at,
    CASE WHEN r.trigger_event = 'schedule' THEN 'schedule:' || r.repo || '/' || r.path
         ELSE coalesce(p.principal_id, 'github:' || r.triggering_actor_id) END AS trigger_principal,
    r.trigger_event = 'schedule' OR p.principal_id IS NOT NULL AS resolved,
    r.trigger_event = 'schedule' OR r.triggering_actor_type = 'Bot' OR coalesce(p.principal_type = 'nhi', false) AS automatic,
    r.triggering_actor_id, r.evidence
FROM (
    FROM github_workflow_runs
    QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY updated_at DESC NULLS LAST, collected_at DESC, record DESC) = 1
) AS r
LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(r.triggering_actor_id AS VARCHAR)
    AND r.run_started_at >= p.valid_from AND (p.valid_to IS NULL OR r.run_started_at < p.valid_to)
