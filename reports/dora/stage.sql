-- Typed facts → what was known at as_of. Every instant is a TIMESTAMP in UTC.

CREATE OR REPLACE TEMP TABLE dora_service AS
WITH holding AS (
    -- Of a service that nobody gave a repository: its namesake, else the one that holds most of what it deployed.
    SELECT d.service, c.repo FROM (SELECT DISTINCT service, sha FROM dora_raw_deployments WHERE repo IS NULL) d
         JOIN dora_raw_commits c USING (sha)
    GROUP BY d.service, c.repo
    QUALIFY row_number() OVER (PARTITION BY d.service ORDER BY c.repo = d.service DESC, count(*) DESC, c.repo) = 1
),
named AS (
    SELECT service FROM dora_raw_deployments UNION SELECT service FROM dora_raw_incidents
    UNION SELECT service FROM dora_raw_services UNION SELECT service FROM dora_raw_pipeline_runs
    UNION SELECT service FROM dora_raw_slo_samples
)
SELECT n.service, coalesce(any_value(s.repo ORDER BY s.valid_from DESC NULLS LAST), any_value(h.repo), n.service) AS repo,
       -- A row without a bound makes the service unbounded on that side.
       CASE WHEN bool_or(s.valid_from IS NULL) THEN NULL ELSE min(s.valid_from) END AS valid_from,
       CASE WHEN bool_or(s.valid_to IS NULL) THEN NULL ELSE max(s.valid_to) END AS valid_to
FROM named n LEFT JOIN dora_raw_services s USING (service) LEFT JOIN holding h USING (service)
WHERE n.service IS NOT NULL
GROUP BY n.service;

-- Who owned a service when. A pool of its own: `team:NAME`.
CREATE OR REPLACE TEMP TABLE dora_team AS
SELECT DISTINCT service, 'team:' || team AS pool, valid_from, valid_to FROM dora_raw_services WHERE team IS NOT NULL;

-- Attempts are never overwritten; what ended after as_of had not ended.
CREATE OR REPLACE TEMP TABLE dora_attempt AS
SELECT d.deployment_id, d.service, d.environment, coalesce(d.repo, s.repo) AS repo, d.sha,
       coalesce(d.run_id, 'deployment ' || d.deployment_id) AS run_id, coalesce(d.run_attempt, 1) AS run_attempt,
       d.created_at, d.ticket, list_contains(p.production, d.environment) AS is_production,
       CASE WHEN d.final_at IS NULL OR d.final_at > p.as_of THEN 'in_progress' ELSE coalesce(d.final_state, 'in_progress') END AS state,
       CASE WHEN d.final_at <= p.as_of THEN d.final_at END AS finished_at
FROM dora_raw_deployments d JOIN dora_service s USING (service), dora_parameter p
WHERE coalesce(d.created_at, d.final_at) <= p.as_of;

-- Decision 3: one deployment per (service, environment, commit, run); it counts once, at its first success.
CREATE OR REPLACE TEMP TABLE dora_release AS
SELECT row_number() OVER (ORDER BY service, environment, finished_at, created_at, length(deployment_id), deployment_id) AS dep, *
FROM (
    SELECT service, environment, repo, sha, run_id, is_production,
           arg_min(deployment_id, (finished_at, run_attempt, deployment_id)) AS deployment_id,
           arg_min(created_at, (finished_at, run_attempt, deployment_id)) AS created_at, min(finished_at) AS finished_at, any_value(ticket) AS ticket
    FROM dora_attempt WHERE state = 'success'
    GROUP BY ALL
);

CREATE OR REPLACE TEMP TABLE dora_pull_request AS
SELECT r.* REPLACE (coalesce(label, []) AS label, coalesce(issues, []) AS issues, coalesce(title, '') AS title,
                    coalesce(body, '') AS body, coalesce(head_branch, '') AS head_branch)
FROM dora_raw_pull_requests r, dora_parameter p
WHERE merge_sha IS NOT NULL AND merged_at <= p.as_of;

CREATE OR REPLACE TEMP TABLE dora_incident AS
SELECT i.incident_id, i.issue_number, i.started_at, i.service, i.environment, i.root_cause_sha, i.deployment_id, i.change_related,
       i.fix_sha, coalesce(i.repo, s.repo) AS repo, list_contains(p.production, i.environment) AS is_production,
       i.created_at,
       CASE WHEN i.acknowledged_at <= p.as_of THEN i.acknowledged_at END AS acknowledged_at,
       -- Decision 4: the last close, unless it was opened again after it.
       CASE WHEN i.resolved_at <= p.as_of AND NOT coalesce(i.reopened_at > i.resolved_at AND i.reopened_at <= p.as_of, false)
            THEN i.resolved_at END AS resolved_at
FROM dora_raw_incidents i JOIN dora_service s USING (service), dora_parameter p
WHERE i.created_at <= p.as_of;

-- Commits of a repository that do not touch a service's files, where both are known.
CREATE OR REPLACE TEMP TABLE dora_outside AS
WITH globs AS (SELECT service, coalesce(repo, service) AS repo, path_globs, valid_from, valid_to FROM dora_raw_services WHERE len(path_globs) > 0)
SELECT DISTINCT c.repo, c.sha, g.service
FROM dora_raw_commits c JOIN globs g ON g.repo = c.repo
    AND c.committed_at >= coalesce(g.valid_from, c.committed_at) AND c.committed_at <= coalesce(g.valid_to, c.committed_at)
WHERE len(c.paths) > 0 AND NOT EXISTS (
    SELECT 1 FROM (SELECT unnest(c.paths) AS path) f, (SELECT unnest(g.path_globs) AS glob) q WHERE f.path GLOB q.glob
);

-- Local days → the periods that they are in. Decision 8: a period that the window cuts is partial.
CREATE OR REPLACE TEMP TABLE dora_calendar AS
WITH p AS (SELECT *, (timezone(zone, timezone('UTC', as_of)))::TIMESTAMP AS local_now FROM dora_parameter),
day AS (SELECT unnest(generate_series(window_start::TIMESTAMP, window_end::TIMESTAMP - INTERVAL 1 DAY, INTERVAL 1 DAY))::DATE AS day FROM p),
bucket AS (
    SELECT day, 'day' AS grain, day AS period_start, day + 1 AS period_end FROM day
    UNION ALL SELECT day, 'week', date_trunc('week', day)::DATE, (date_trunc('week', day) + INTERVAL 7 DAY)::DATE FROM day
    UNION ALL SELECT day, 'month', date_trunc('month', day)::DATE, (date_trunc('month', day) + INTERVAL 1 MONTH)::DATE FROM day
    UNION ALL SELECT day, 'quarter', q::DATE, (q + INTERVAL 3 MONTH)::DATE
        FROM (SELECT day, date_trunc('quarter', day - to_months(fiscal_shift::INT)) + to_months(fiscal_shift::INT) AS q FROM day, p)
    UNION ALL SELECT day, 'window', window_start, window_end FROM day, p
    UNION ALL SELECT unnest(generate_series(window_end - to_days(t.days), window_end::TIMESTAMP - INTERVAL 1 DAY, INTERVAL 1 DAY))::DATE,
        'trailing_' || t.days || 'd', (window_end - to_days(t.days))::DATE, window_end
        FROM p, (VALUES (7), (28), (90)) t(days)
),
first_fact AS (
    SELECT min(instant) AS instant FROM (SELECT created_at AS instant FROM dora_attempt UNION ALL SELECT committed_at FROM dora_raw_commits)
)
SELECT b.*, period_end::TIMESTAMP > p.local_now
       OR (grain NOT LIKE 'trailing%' AND (period_start < window_start OR period_end > window_end))
       -- A trailing period may reach back before the window, though not before the first fact.
       OR (grain LIKE 'trailing%' AND coalesce(period_start < timezone(zone, timezone('UTC', f.instant))::DATE, true)) AS is_partial
FROM bucket b, p, first_fact f
WHERE list_contains(p.grains, grain);

-- The instants that any period needs, give or take a day for the zone: earlier history is walked, not observed.
CREATE OR REPLACE TEMP TABLE dora_range AS
SELECT min(day) - INTERVAL 1 DAY AS since, max(day) + INTERVAL 2 DAY AS until FROM dora_calendar;
