-- One row per guard: a coverage in [0, 1], or a number of things that ought not to be. Over the window, production only.
WITH inside AS (SELECT day FROM dora_calendar WHERE grain = 'window'),
deployment AS (
    SELECT d.*, c.sha IS NOT NULL AS is_known,
           d.kind IN ('redeploy', 'rollback', 'roll_forward') OR EXISTS (SELECT 1 FROM dora_change x JOIN dora_raw_commits k USING (repo, sha) WHERE x.dep = d.dep) AS has_change
    FROM dora_deployment d LEFT JOIN dora_raw_commits c USING (repo, sha), dora_parameter p
    WHERE d.is_production AND timezone(p.zone, timezone('UTC', d.finished_at))::DATE IN (FROM inside)
),
incident AS (
    SELECT i.* FROM dora_production_incident i, dora_parameter p
    WHERE i.pooled AND timezone(p.zone, timezone('UTC', i.created_at))::DATE IN (FROM inside)
),
rate AS (SELECT * FROM dora_metric_value WHERE family = 'rate' AND status <> 'no_source'),
evidence AS (
    SELECT metric_value_id, count(*) FILTER (WHERE role = 'numerator') AS numerator, count(*) FILTER (WHERE role = 'denominator') AS denominator
    FROM dora_metric_evidence GROUP BY ALL
),
frequency AS (SELECT * FROM dora_metric_value WHERE metric = 'deployment_frequency'),
instant AS (
    SELECT unnest([created_at, final_at]) AS instant FROM dora_raw_deployments
    UNION ALL SELECT committed_at FROM dora_raw_commits
    UNION ALL SELECT unnest([created_at, merged_at]) FROM dora_raw_pull_requests
    UNION ALL SELECT unnest([created_at, acknowledged_at, resolved_at]) FROM dora_raw_incidents
)
SELECT 'deployments_with_known_sha', avg(is_known::INT) FROM deployment
UNION ALL SELECT 'deployments_with_known_change', avg(has_change::INT) FROM deployment
UNION ALL
SELECT 'commits_with_pull_request', avg((c.pr IS NOT NULL)::INT)
FROM dora_shipped s JOIN dora_raw_commits c USING (repo, sha), dora_parameter p
WHERE s.reason IS NULL AND timezone(p.zone, timezone('UTC', s.finished_at))::DATE IN (FROM inside)
UNION ALL SELECT 'incidents_linked_or_judged', avg((is_linked OR coalesce(NOT change_related, false))::INT) FROM incident
UNION ALL SELECT 'incidents_acknowledged_and_resolved', avg((acknowledged_at IS NOT NULL AND resolved_at IS NOT NULL)::INT) FROM incident
-- A run of which a later attempt is known, and an earlier one is not.
UNION ALL
SELECT 'run_attempts_missing', coalesce(sum(missing), 0)
FROM (SELECT max(run_attempt) - count(DISTINCT run_attempt) AS missing FROM dora_attempt GROUP BY service, environment, run_id)
UNION ALL
SELECT 'deployments_in_progress_over_24h', count(*)
FROM dora_attempt, dora_parameter p
WHERE state IN ('in_progress', 'queued', 'pending', 'waiting') AND epoch(p.as_of) - epoch(created_at) > 86400
UNION ALL SELECT 'negative_spans', count(*) FROM dora_observation WHERE reason = 'negative span'
UNION ALL SELECT 'future_timestamps', count(*) FROM instant, dora_parameter p WHERE instant > p.as_of
UNION ALL SELECT 'duplicate_ids', coalesce(sum(surplus), 0) FROM dora_duplicate
UNION ALL SELECT 'rows_quarantined', count(*) FROM dora_quarantine
-- What cannot be placed is in no period: without a service, or without the instant that would date it.
UNION ALL
SELECT 'facts_that_cannot_be_placed',
       (SELECT count(*) FROM dora_raw_deployments
        WHERE service IS NULL OR coalesce(created_at, final_at) IS NULL
           OR (final_state IN ('success', 'failure', 'error', 'timed_out') AND final_at IS NULL))
     + (SELECT count(*) FROM dora_raw_incidents WHERE service IS NULL OR created_at IS NULL)
UNION ALL
SELECT 'ids_shared_by_repositories',
       (SELECT count(*) FROM (SELECT deployment_id FROM dora_raw_deployments GROUP BY ALL HAVING count(DISTINCT service) > 1))
     + (SELECT count(*) FROM (SELECT incident_id FROM dora_incident GROUP BY ALL HAVING count(DISTINCT repo) > 1))
-- More than three times the usual time, and more than a week, in which no source said anything.
UNION ALL
SELECT 'gaps_in_collection', count(*)
FROM (SELECT gap, median(gap) OVER () AS usual FROM (
    SELECT epoch(instant) - epoch(lag(instant) OVER (ORDER BY instant)) AS gap FROM instant WHERE instant IS NOT NULL
)) WHERE gap > 3 * usual AND gap > 7 * 86400
-- The parts must make the whole: by grain, and services against their pool.
UNION ALL
SELECT 'sums_that_differ', count(*)
FROM (SELECT service, sum(n) FILTER (WHERE grain = 'window') AS total, sum(n) FILTER (WHERE grain = 'day') AS days,
             sum(n) FILTER (WHERE grain = 'week') AS weeks, sum(n) FILTER (WHERE grain = 'month') AS months
      FROM frequency GROUP BY service)
WHERE coalesce(days, total) <> total OR coalesce(weeks, total) <> total OR coalesce(months, total) <> total
UNION ALL SELECT 'rates_over_one', count(*) FROM rate WHERE value > 1
UNION ALL
SELECT 'evidence_that_differs', count(*)
FROM rate r LEFT JOIN evidence e USING (metric_value_id), dora_parameter p
WHERE list_contains(p.evidence_grains, r.grain)
  AND (coalesce(e.numerator, 0) <> r.numerator OR coalesce(e.denominator, 0) <> r.denominator
       OR coalesce(e.numerator / nullif(e.denominator, 0), -1) <> coalesce(r.value, -1));
