-- One row per metric, service and fact: what the values are made of, and what was left out with its reason.
--   value      minutes, of a distribution; of a censored one the minutes until as_of
--   numerator  of a rate: counted above the line; of deployment_frequency: bears change
--   pooled     counted in the pool `all` (an incident of two services counts once there)
-- Durations are differences of epochs: date_diff counts boundaries.

-- What the periods need of the production history.
CREATE OR REPLACE TEMP TABLE dora_observed AS
SELECT d.* FROM dora_deployment d, dora_range r WHERE d.is_production AND d.finished_at BETWEEN r.since AND r.until;

CREATE OR REPLACE TEMP TABLE dora_observation(
    metric VARCHAR, service VARCHAR, instant TIMESTAMP, value DOUBLE, numerator BOOLEAN, censored BOOLEAN,
    pooled BOOLEAN, fact_type VARCHAR, fact_id VARCHAR, reason VARCHAR, excluded BOOLEAN
);

INSERT INTO dora_observation
SELECT 'deployment_frequency', service, finished_at, NULL, change_bearing, false, true, 'deployment', deployment_id, kind, false
FROM dora_observed;

INSERT INTO dora_observation
SELECT 'time_between_deployments', service, finished_at, (epoch(finished_at) - epoch(before)) / 60, NULL, false, true,
       'deployment', deployment_id, NULL, false
FROM (SELECT *, lag(finished_at) OVER (PARTITION BY service ORDER BY finished_at, dep) AS before FROM dora_deployment WHERE is_production), dora_range r
WHERE before IS NOT NULL AND finished_at BETWEEN r.since AND r.until;

-- Changes of a service: non-merge commits after its baseline.
CREATE OR REPLACE TEMP TABLE dora_shipped AS
SELECT f.service, f.repo, f.sha, d.finished_at, c.committed_at,
       CASE WHEN d.kind = 'baseline' THEN 'baseline'
            WHEN c.sha IS NULL THEN 'commit unknown'
            WHEN len(c.parents) > 1 THEN 'merge commit'
            WHEN c.committed_at IS NULL THEN 'no commit time' END AS reason
FROM dora_first_production f JOIN dora_observed d USING (dep)
     LEFT JOIN dora_raw_commits c ON c.repo = f.repo AND c.sha = f.sha
     ANTI JOIN dora_outside o ON o.repo = f.repo AND o.sha = f.sha AND o.service = f.service;

INSERT INTO dora_observation
SELECT 'lead_time', service, finished_at, (epoch(finished_at) - epoch(committed_at)) / 60, NULL, false, true,
       'commit', repo || '@' || sha, reason, reason IS NOT NULL
FROM dora_shipped;

-- The second clock: a squash stands for the commits that it was made of.
INSERT INTO dora_observation
WITH squash AS (
    SELECT s.service, s.repo, s.sha, b.sha AS original, b.committed_at,
           CASE WHEN b.committed_at IS NULL THEN 'no commit time' END AS reason
    FROM dora_shipped s JOIN dora_pull_request p ON p.repo = s.repo AND p.merge_sha = s.sha AND p.merge_method = 'squash'
         JOIN dora_raw_pr_commits b ON b.repo = p.repo AND b.pr = p.pr
    WHERE s.reason IS NULL
)
SELECT 'lead_time_original', s.service, s.finished_at,
       (epoch(s.finished_at) - epoch(CASE WHEN q.original IS NULL THEN s.committed_at ELSE q.committed_at END)) / 60, NULL, false, true,
       'commit', s.repo || '@' || coalesce(q.original, s.sha), coalesce(s.reason, q.reason), coalesce(s.reason, q.reason) IS NOT NULL
FROM dora_shipped s LEFT JOIN squash q USING (service, repo, sha);

INSERT INTO dora_observation
SELECT 'merged_to_production', f.service, d.finished_at, (epoch(d.finished_at) - epoch(p.merged_at)) / 60, NULL, false, true,
       'pull_request', p.repo || '#' || p.pr, CASE WHEN d.kind = 'baseline' THEN 'baseline' END, d.kind = 'baseline'
FROM (SELECT service, repo, pr, arg_min(c.dep, (finished_at, c.dep)) AS dep
      FROM dora_carried_pull_request c JOIN (SELECT dep, finished_at FROM dora_deployment WHERE is_production) USING (dep)
      GROUP BY ALL) f
     JOIN dora_observed d ON d.dep = f.dep JOIN dora_pull_request p ON p.repo = f.repo AND p.pr = f.pr;

-- Decision 13: a timeout failed; what was cancelled or has not ended is neither.
INSERT INTO dora_observation
SELECT 'deployment_success_rate', service, coalesce(finished_at, created_at), NULL, state = 'success', false, true,
       'attempt', deployment_id || '/' || run_attempt, state,
       state NOT IN ('success', 'failure', 'error', 'timed_out')
FROM dora_attempt, dora_range r WHERE is_production AND coalesce(finished_at, created_at) BETWEEN r.since AND r.until;

-- Failures belong to the period of the deployment that failed, so a period's rate matures.
INSERT INTO dora_observation
SELECT metric, d.service, d.finished_at, NULL, f.dep IS NOT NULL, false, true, 'deployment', d.deployment_id,
       coalesce(f.method || ' ' || f.confidence, d.kind),
       metric = 'change_failure_rate_change_bearing' AND NOT d.change_bearing
FROM dora_observed d LEFT JOIN dora_failed f USING (dep),
     (VALUES ('change_failure_rate'), ('change_failure_rate_change_bearing')) m(metric);

-- Decision 1: links below the threshold are listed, not counted.
INSERT INTO dora_observation
SELECT 'change_failure_rate', d.service, d.finished_at, NULL, false, false, true, l.evidence_kind, l.evidence_id,
       l.method || ' link to ' || d.deployment_id || ', confidence ' || l.confidence, true
FROM dora_failure_link l JOIN dora_observed d USING (dep)
WHERE l.is_chosen AND NOT l.counts;

INSERT INTO dora_observation
SELECT 'failed_deployment_recovery_time', d.service, d.finished_at,
       (epoch(coalesce(r.restored_at, p.as_of)) - epoch(r.failed_at)) / 60, NULL, r.restored_at IS NULL, true,
       'deployment', d.deployment_id, f.method, false
FROM dora_recovery r JOIN dora_observed d USING (dep) JOIN dora_failed f USING (dep), dora_parameter p;

INSERT INTO dora_observation
SELECT 'rework_rate', d.service, d.finished_at, NULL, w.dep IS NOT NULL, false, true, 'deployment', d.deployment_id, w.reason, false
FROM dora_observed d LEFT JOIN dora_rework w USING (dep);

CREATE OR REPLACE TEMP TABLE dora_production_incident AS
SELECT i.*, coalesce(l.counts, false) AS is_linked,
       row_number() OVER (PARTITION BY i.incident_id ORDER BY i.created_at, i.service, i.environment) = 1 AS pooled
FROM dora_incident i LEFT JOIN (
    SELECT DISTINCT evidence_id AS incident_id, service, environment, true AS counts FROM dora_failure_link
    WHERE counts AND evidence_kind = 'incident'
) l USING (incident_id, service, environment)
WHERE i.is_production;

INSERT INTO dora_observation
SELECT metric, service, created_at, (epoch(coalesce(resolved_at, p.as_of)) - epoch(created_at)) / 60, NULL, resolved_at IS NULL, pooled,
       'incident', incident_id, CASE WHEN resolved_at IS NULL THEN 'open' END, false
FROM dora_production_incident, dora_parameter p, (VALUES ('mttr', false), ('mttr_change_related', true)) m(metric, linked_only)
WHERE is_linked OR NOT linked_only;

INSERT INTO dora_observation
SELECT 'mtta', service, created_at, (epoch(coalesce(acknowledged_at, p.as_of)) - epoch(created_at)) / 60, NULL,
       acknowledged_at IS NULL, pooled, 'incident', incident_id,
       CASE WHEN acknowledged_at IS NULL AND resolved_at IS NOT NULL THEN 'resolved without acknowledgement' END,
       acknowledged_at IS NULL AND resolved_at IS NOT NULL
FROM dora_production_incident, dora_parameter p;

INSERT INTO dora_observation
SELECT 'time_to_alert', service, created_at, (epoch(created_at) - epoch(started_at)) / 60, NULL, false, pooled, 'incident', incident_id,
       CASE WHEN started_at IS NULL THEN 'no onset' END, started_at IS NULL
FROM dora_production_incident;

INSERT INTO dora_observation
SELECT 'incident_link_coverage', service, created_at, NULL, is_linked, false, pooled, 'incident', incident_id,
       CASE WHEN change_related = false THEN 'judged unrelated' END, false
FROM dora_production_incident;

INSERT INTO dora_observation
SELECT 'pipeline_duration', service, started_at, (epoch(completed_at) - epoch(started_at)) / 60, NULL, false, true,
       'run', run_id || '/' || run_attempt, CASE WHEN ended THEN NULL ELSE 'unfinished' END, NOT ended
FROM (SELECT *, coalesce(completed_at <= p.as_of, false) AS ended FROM dora_raw_pipeline_runs, dora_parameter p WHERE started_at <= p.as_of);

-- Decision 12: a negative span is no duration; it is listed.
UPDATE dora_observation SET excluded = true, reason = 'negative span' WHERE value < 0 AND NOT excluded;
