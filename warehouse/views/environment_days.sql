-- Settings of environments, per observation: who may approve (people, and members of teams), and what is enforced.
WITH snapshots AS (
    SELECT repo, name AS environment, environment_id, as_of, local_day(as_of) AS day, can_admins_bypass, evidence,
        CAST(protection_rules AS JSON) AS rules, deployment_branch_policy AS policy
    FROM github_environments
), reviewers AS (
    SELECT s.environment_id, s.as_of, s.repo, v.value ->> '$.type' AS kind, v.value -> '$.reviewer' AS who,
        coalesce(CAST(r.value ->> '$.prevent_self_review' AS BOOLEAN), false) AS no_self_review
    FROM snapshots AS s, json_each(s.rules) AS r, json_each(r.value -> '$.reviewers') AS v
    WHERE r.value ->> '$.type' = 'required_reviewers'
), people AS (
    SELECT environment_id, as_of, repo, TRY_CAST(who ->> '$.id' AS BIGINT) AS user_id, no_self_review FROM reviewers WHERE kind = 'User'
    UNION ALL
    SELECT r.environment_id, r.as_of, r.repo, TRY_CAST(m.value ->> '$.id' AS BIGINT), r.no_self_review
    FROM reviewers AS r
    JOIN github_teams AS t ON t.team_id = TRY_CAST(r.who ->> '$.id' AS BIGINT) AND local_day(t.as_of) = local_day(r.as_of),
        json_each(t.members) AS m
    WHERE r.kind = 'Team'
), counted AS (
    SELECT s.environment_id, s.as_of, s.repo, count(v.kind) AS reviewer_entries, coalesce(bool_or(v.no_self_review), false) AS no_self_review
    FROM snapshots AS s LEFT JOIN reviewers AS v ON v.environment_id = s.environment_id AND v.as_of = s.as_of AND v.repo = s.repo
    GROUP BY ALL
)
SELECT s.repo, s.environment, s.day, s.as_of, s.evidence, s.can_admins_bypass,
    coalesce(CAST(s.policy ->> '$.protected_branches' AS BOOLEAN), false) AS protected_branches_only,
    c.reviewer_entries, c.no_self_review,
    coalesce((SELECT list(DISTINCT p.user_id) FROM people AS p
              WHERE p.environment_id = s.environment_id AND p.as_of = s.as_of AND p.repo = s.repo), []) AS reviewer_ids
FROM snapshots AS s
JOIN counted AS c ON c.environment_id = s.environment_id AND c.as_of = s.as_of AND c.repo = s.repo
