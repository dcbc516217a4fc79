-- Accounts that may write to a repository, per snapshot day: by a team, as a collaborator, as an owner of the organisation.
WITH team_days AS (
    SELECT r.value ->> '$.full_name' AS repo, local_day(t.as_of) AS day, t.members, t.evidence,
        lower(coalesce(r.value ->> '$.permission', r.value ->> '$.role_name')) IN ('push', 'write', 'maintain', 'admin')
            OR coalesce(CAST(r.value ->> '$.permissions.push' AS BOOLEAN), false) AS writes
    FROM github_teams AS t, json_each(t.repositories) AS r
)
SELECT repo, day, TRY_CAST(m.value ->> '$.id' AS BIGINT) AS user_id, writes, evidence
FROM team_days, json_each(members) AS m
UNION ALL
SELECT repo, local_day(as_of), user_id,
    lower(role_name) IN ('write', 'maintain', 'admin') OR coalesce(CAST(permissions ->> '$.push' AS BOOLEAN), false), evidence
FROM github_collaborators
UNION ALL
SELECT s.repo, local_day(m.as_of), m.user_id, true, m.evidence
FROM github_members AS m, scope_repositories AS s
WHERE m.role = 'admin'
