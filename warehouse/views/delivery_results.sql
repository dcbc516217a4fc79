-- What the delivery metrics are made of, one row per deployment, change, incident or run: metric, when, and its measure
-- (1 or 0 for counts and rates, else minutes).
SELECT 'deployment_frequency' AS metric, succeeded_at AS at_time, 1.0 AS measure, evidence FROM production_deployments WHERE succeeded_at IS NOT NULL
UNION ALL
SELECT 'deployment_success_rate', least(succeeded_at, failed_at), CASE WHEN succeeded_at IS NOT NULL THEN 1.0 ELSE 0.0 END, evidence FROM production_deployments WHERE coalesce(succeeded_at, failed_at) IS NOT NULL
UNION ALL
SELECT 'lead_time', min(d.succeeded_at), date_diff('second', min(m.committed_at), min(d.succeeded_at)) / 60.0, [min(d.evidence[1])]
FROM deployed_changes AS c JOIN production_deployments AS d ON d.subject = c.release AND d.succeeded_at IS NOT NULL
JOIN merged_changes AS g ON g.change = c.change JOIN pull_commits AS m ON m.repo = g.repo AND m.pull_number = g.number GROUP BY c.change
UNION ALL
SELECT 'mttr', resolved_at, date_diff('second', started_at, resolved_at) / 60.0, [evidence]
FROM (FROM company_incidents QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1) WHERE resolved_at IS NOT NULL AND started_at IS NOT NULL
UNION ALL
SELECT 'pipeline_duration', ended_at, date_diff('second', started_at, ended_at) / 60.0, [evidence]
FROM run_attempts WHERE conclusion = 'success' AND path = (SELECT value FROM scope_values WHERE name = 'deploy_workflow') AND repo IN (SELECT repo FROM scope_repositories)
