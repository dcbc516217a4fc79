-- Environments per calendar month of the company's zone in which their settings were observed; production's in every month
-- for which anything is held.
WITH months AS (
    SELECT DISTINCT CAST(date_trunc('month', day) AS DATE) AS month FROM partition_days
), named AS (
    SELECT name AS environment, CAST(date_trunc('month', local_day(as_of)) AS DATE) AS month, evidence FROM github_environments WHERE repo IN (SELECT repo FROM scope_repositories)
    UNION ALL
    SELECT s.environment, m.month, s.evidence FROM environment_states AS s JOIN months AS m ON s.since < day_start(CAST(m.month + INTERVAL 1 MONTH AS DATE)) AND coalesce(s.until > day_start(m.month), true) WHERE NOT s.production
    UNION ALL
    SELECT e.environment, m.month, NULL FROM scope_environments AS e, months AS m
)
SELECT environment || ':' || strftime(month, '%Y-%m') AS subject, environment, month, day_start(month) AS starts_at, day_start(CAST(month + INTERVAL 1 MONTH AS DATE)) AS ends_at,
    environment IN (SELECT environment FROM scope_environments) AS production, list_slice(proofs(list(evidence)), 1, 1) AS proofs
FROM named GROUP BY environment, month
