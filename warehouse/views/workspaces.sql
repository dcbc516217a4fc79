-- Workspaces of the infrastructure in scope: each state in scope, by the name that a drift check or its schedule gives it
-- where one does (the state's own, its key, or a part of its key). `source`: the stream that would tell of its checks.
WITH named AS (
    SELECT DISTINCT workspace, source FROM drift_runs
    UNION SELECT coalesce(fields ->> '$.workspace', regexp_extract(schedule_id, '(?i)drift[-_/]?(.*)$', 1)), 'job_run' FROM company_schedules WHERE (fields ->> '$.workspace') IS NOT NULL OR regexp_matches(schedule_id, '(?i)drift')
)
SELECT s.state, coalesce(n.workspace, s.state) AS workspace, coalesce(n.source, 'tf.plan') AS source
FROM scope_state_keys AS s LEFT JOIN named AS n ON n.workspace IN (s.state, s.key) OR list_contains(string_split(s.key, '/'), n.workspace)
QUALIFY row_number() OVER (PARTITION BY s.state ORDER BY n.workspace = s.state DESC, n.workspace = s.key DESC, n.source, n.workspace) = 1
