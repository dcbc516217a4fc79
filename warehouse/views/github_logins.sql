-- Which account a login stood for, as records that have both tell it; a login is a label that may change hands.
SELECT DISTINCT lower(login) AS login, CAST(user_id AS VARCHAR) AS account_key FROM (
    SELECT actor AS login, actor_id AS user_id FROM github_audit_log
    UNION ALL SELECT user_login, user_id FROM github_audit_log
    UNION ALL SELECT login, user_id FROM github_members
    UNION ALL SELECT user_login, user_id FROM github_pull_requests
    UNION ALL SELECT actor_login, actor_id FROM github_branch_activity
    UNION ALL SELECT user_login, user_id FROM github_reviews
    UNION ALL SELECT account_label, TRY_CAST(account_key AS BIGINT) FROM principals WHERE system = 'github'
)
WHERE login IS NOT NULL AND user_id > 0
