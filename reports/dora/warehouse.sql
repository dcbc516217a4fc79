-- The facts of reports.dora.facts, from the warehouse's base tables and the scope. One statement per relation.

CREATE OR REPLACE TEMP VIEW current_pulls AS
SELECT * FROM github_pull_requests
QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY updated_at DESC, collected_at DESC, capture, record) = 1;

CREATE OR REPLACE TEMP VIEW commits AS
WITH known AS (
    SELECT repo, sha, parents, committed_at, NULL AS pull_number FROM git_commits
    UNION ALL
    SELECT repo, sha, parents, committed_at, pull_number FROM github_pull_request_commits
)
SELECT k.sha, k.repo, any_value(CAST(CAST(k.parents AS JSON) AS VARCHAR[])) AS parents,
    min(k.committed_at) AS committed_at, CAST(coalesce(min(k.pull_number), min(p.number)) AS VARCHAR) AS pr
FROM known AS k
LEFT JOIN current_pulls AS p ON p.repo = k.repo AND p.merged AND p.merge_commit_sha = k.sha
GROUP BY k.repo, k.sha;

CREATE OR REPLACE TEMP VIEW pull_requests AS
SELECT CAST(p.number AS VARCHAR) AS pr, p.repo, p.title, p.head_ref AS head_branch, p.description AS body,
    CAST(json_extract_string(CAST(coalesce(p.labels, '[]') AS JSON), '$[*].name') AS VARCHAR[]) AS label,
    CASE
        WHEN NOT p.merged THEN NULL
        WHEN m.parent_count > 1 THEN 'merge'
        WHEN own.sha IS NOT NULL THEN 'rebase'
        ELSE 'squash'
    END AS merge_method,
    CASE WHEN p.merged THEN p.merge_commit_sha END AS merge_sha, p.created_at, p.merged_at
FROM current_pulls AS p
LEFT JOIN (SELECT DISTINCT repo, sha, parent_count FROM git_commits) AS m
    ON m.repo = p.repo AND m.sha = p.merge_commit_sha
LEFT JOIN (SELECT DISTINCT repo, pull_number, sha FROM github_pull_request_commits) AS own
    ON own.repo = p.repo AND own.pull_number = p.number AND own.sha = p.merge_commit_sha;

CREATE OR REPLACE TEMP VIEW pr_commits AS
SELECT DISTINCT CAST(pull_number AS VARCHAR) AS pr, repo, sha, committed_at FROM github_pull_request_commits;

-- A sample that two answers share counts once; of different ones the newest.
CREATE OR REPLACE TEMP VIEW slo_samples AS
SELECT service, to_timestamp(CAST(s ->> '$[0]' AS DOUBLE)) AS instant,
    arg_max(TRY_CAST(s ->> '$[1]' AS DOUBLE), (collected_at, capture, record)) AS error_ratio
FROM (
    SELECT service, collected_at, capture, record, unnest(CAST(CAST(sample_values AS JSON) AS JSON[])) AS s
    FROM prometheus_ranges WHERE measure = 'error_rate'
)
WHERE service IS NOT NULL
GROUP BY ALL;

CREATE OR REPLACE TEMP VIEW services AS
SELECT service, repo, team, valid_from, valid_to FROM service_owners;

CREATE OR REPLACE TEMP VIEW service_repositories AS
SELECT DISTINCT service, repo FROM service_owners;

-- The first final status decides; a later `inactive` only says that something newer is live.
CREATE OR REPLACE TEMP VIEW deployments AS
WITH final AS (
    SELECT repo, deployment_id, arg_min(state, created_at) AS state, min(created_at) AS at
    FROM github_deployment_statuses WHERE state IN ('success', 'failure', 'error') GROUP BY ALL
)
SELECT DISTINCT CAST(d.deployment_id AS VARCHAR) AS deployment_id, s.service, d.environment, d.sha, d.repo,
    CAST(coalesce(d.payload_run_id, d.deployment_id) AS VARCHAR) AS run_id,
    CAST(coalesce(d.payload_run_attempt, 1) AS INTEGER) AS run_attempt, d.created_at,
    final.state AS final_state, final.at AS final_at
FROM github_deployments AS d
JOIN service_repositories AS s ON s.repo = d.repo
LEFT JOIN final ON final.repo = d.repo AND final.deployment_id = d.deployment_id;

-- `linked_change` is the company's own word on the cause: a commit, a pull request or a deployment, as text
-- (`org/repo#1`, `…:deployment:1`, a commit id) or as an object with `repo` and `deployment`, `pr` or `sha`. A resolved
-- incident that states its cause, and whose field is there and empty, was judged to come from no change.
CREATE OR REPLACE TEMP VIEW incidents AS
WITH newest AS (
    SELECT *, CASE WHEN json_valid(linked_change) THEN CAST(linked_change AS JSON) END AS linked
    FROM company_incidents
    QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY collected_at DESC, capture, record) = 1
)
SELECT i.incident_id, i.incident_id AS issue_number, i.service,
    coalesce((SELECT min(environment) FROM scope_environments), 'production') AS environment,
    i.started_at, coalesce(i.detected_at, i.created_at) AS created_at, i.acknowledged_at, i.resolved_at,
    coalesce(
        nullif(regexp_extract(coalesce(i.linked ->> '$.sha', i.linked_change), '^[0-9a-f]{40}$'), ''),
        (SELECT any_value(p.merge_commit_sha) FROM current_pulls AS p
            WHERE p.merged AND p.repo || '#' || p.number
                = coalesce((i.linked ->> '$.repo') || '#' || (i.linked ->> '$.pr'), i.linked_change))
    ) AS root_cause_sha,
    coalesce(
        i.linked ->> '$.deployment', nullif(regexp_extract(i.linked_change, ':deployment:([0-9]+)$', 1), '')
    ) AS deployment_id,
    CASE
        WHEN i.linked_change IS NULL AND i.cause IS NOT NULL AND i.resolved_at IS NOT NULL
            AND json_type(i.fields, '$.linked_change') = 'NULL' THEN false
    END AS change_related
FROM newest AS i;

-- From the start of a run's attempt to the end of its last job. Of a run that reviewers had to approve, the time
-- between its jobs is waiting for people and is left out; a job that was skipped did nothing.
CREATE OR REPLACE TEMP VIEW pipeline_runs AS
WITH job AS (
    SELECT * FROM github_workflow_jobs
    QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, capture, record) = 1
),
gap AS (
    SELECT *, greatest(0, epoch(started_at) - epoch(max(completed_at) OVER (
            PARTITION BY repo, run_id, run_attempt ORDER BY started_at, job_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))) AS waited
    FROM job WHERE conclusion IS DISTINCT FROM 'skipped'
),
attempt AS (
    SELECT repo, run_id, coalesce(run_attempt, 1) AS run_attempt, min(started_at) AS first_start,
        CASE WHEN bool_and(completed_at IS NOT NULL) THEN max(completed_at) END AS last_end,
        coalesce(sum(waited), 0) AS waited
    FROM gap GROUP BY ALL
),
started AS (
    SELECT repo, run_id, run_attempt, min(run_started_at) AS run_started_at FROM github_workflow_runs GROUP BY ALL
)
SELECT s.service, CAST(a.run_id AS VARCHAR) AS run_id, CAST(a.run_attempt AS INTEGER) AS run_attempt,
    coalesce(r.run_started_at, a.first_start) AS started_at,
    a.last_end - CASE
        WHEN EXISTS (FROM github_deployment_approvals AS w WHERE w.repo = a.repo AND w.run_id = a.run_id)
            THEN to_microseconds(CAST(a.waited * 1000000 AS BIGINT))
        ELSE INTERVAL 0 SECOND
    END AS completed_at
FROM attempt AS a
JOIN service_repositories AS s ON s.repo = a.repo
LEFT JOIN started AS r ON r.repo = a.repo AND r.run_id = a.run_id AND r.run_attempt = a.run_attempt;
