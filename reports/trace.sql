-- The records that a fact of the delivery metrics was read from: fact_type, fact_id -> table's row and its bytes.
CREATE OR REPLACE TEMP VIEW fact_record AS
SELECT 'deployment' AS fact_type, CAST(deployment_id AS VARCHAR) AS fact_id, natural_key, collected_at, receipt, evidence
FROM github_deployments
UNION ALL
SELECT 'deployment', CAST(deployment_id AS VARCHAR), natural_key, collected_at, receipt, evidence
FROM github_deployment_statuses
UNION ALL
SELECT 'commit', repo || '@' || sha, natural_key, collected_at, receipt, evidence FROM git_commits
UNION ALL
SELECT 'commit', repo || '@' || sha, natural_key, collected_at, receipt, evidence FROM github_pull_request_commits
UNION ALL
SELECT 'pull_request', repo || '#' || number, natural_key, collected_at, receipt, evidence FROM github_pull_requests
UNION ALL
SELECT 'incident', incident_id, natural_key, collected_at, receipt, evidence FROM company_incidents
UNION ALL
SELECT 'run', run_id || '/' || coalesce(run_attempt, 1), natural_key, collected_at, receipt, evidence
FROM github_workflow_runs
UNION ALL
SELECT 'run', run_id || '/' || coalesce(run_attempt, 1), natural_key, collected_at, receipt, evidence
FROM github_workflow_jobs
UNION ALL
SELECT 'series', service || '@' || day::DATE, natural_key, collected_at, receipt, evidence
FROM (
    SELECT *, unnest(generate_series(
        date_trunc('day', timezone(getvariable('zone'), first_time)), timezone(getvariable('zone'), last_time), INTERVAL 1 DAY
    )) AS day
    FROM prometheus_ranges WHERE measure = 'error_rate'
);

-- What the facts lead to: from a deployment to the commits that it carried and to what says that it failed; from a
-- change, and from an incident, to the deployment. Needs the tables that reports.dora.metrics.compute leaves.
CREATE OR REPLACE TEMP VIEW fact_link AS
SELECT 'deployment' AS fact_type, d.deployment_id AS fact_id, 'carried' AS relation, 'commit' AS to_type,
    c.repo || '@' || c.sha AS to_id
FROM dora_change AS c JOIN dora_deployment AS d USING (dep)
UNION ALL
SELECT 'deployment', d.deployment_id,
    'failed by ' || l.method || ', confidence ' || l.confidence || CASE WHEN l.counts THEN '' ELSE ', not counted' END,
    l.evidence_kind, l.evidence_id
FROM dora_failure_link AS l JOIN dora_deployment AS d USING (dep)
UNION ALL
SELECT 'deployment', d.deployment_id, 'remedied by', 'deployment', r.deployment_id
FROM dora_failure_link AS l
JOIN dora_deployment AS d USING (dep)
JOIN dora_deployment AS r ON r.dep = l.remediation
UNION ALL
SELECT 'attempt', deployment_id || '/' || run_attempt, 'attempt of', 'deployment', deployment_id FROM dora_attempt
UNION ALL
SELECT 'commit', f.repo || '@' || f.sha, 'first in production with', 'deployment', d.deployment_id
FROM dora_first_production AS f JOIN dora_deployment AS d USING (dep)
UNION ALL
SELECT 'pull_request', p.repo || '#' || p.pr, 'in production with', 'deployment', d.deployment_id
FROM dora_carried_pull_request AS p JOIN dora_deployment AS d USING (dep)
WHERE d.is_production
UNION ALL
SELECT 'incident', l.evidence_id, 'linked to, by ' || l.method, 'deployment', d.deployment_id
FROM dora_failure_link AS l JOIN dora_deployment AS d USING (dep)
WHERE l.evidence_kind = 'incident';
