-- Signs that a day hides settings events (CHG-14): an environment's rules differ from the snapshot before, and no audit event
-- tells of the change.
WITH told AS (
    SELECT repo, name, as_of, evidence, concat_ws(' ', can_admins_bypass, protection_rules, deployment_branch_policy) AS content, lag(as_of) OVER observed AS before_at,
        lag(concat_ws(' ', can_admins_bypass, protection_rules, deployment_branch_policy)) OVER observed AS content_before
    FROM github_environments WHERE repo IN (SELECT repo FROM scope_repositories)
    WINDOW observed AS (PARTITION BY repo, environment_id ORDER BY as_of)
)
SELECT local_day(t.as_of) AS day, t.repo || ': the rules of ' || t.name || ' changed, and no event tells of it' AS reason, t.evidence
FROM told AS t
LEFT JOIN pipeline_events AS e ON e.repo = t.repo AND e.action LIKE 'environment.%protection_rule' AND e.event_time > t.before_at AND e.event_time <= t.as_of
WHERE t.content <> t.content_before AND e.subject IS NULL
