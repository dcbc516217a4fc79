-- Who stands behind an account, and when: links of the identity graph, then what registers and HR say themselves.
-- Of two links of one account the later one ends the earlier; keys are compared in lower case.
WITH links AS (
    SELECT system, lower(account_key) AS account_key, account_key AS stated_key,
        account_label, principal_id, principal_type, method, valid_from, valid_to, evidence
    FROM identity_links
    WHERE superseded_at IS NULL
    QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), stated AS (
    SELECT * FROM links
    UNION ALL
    SELECT 'github', CAST(github_user_id AS VARCHAR), CAST(github_user_id AS VARCHAR), nhi_id, nhi_id, 'nhi', 'register', NULL, NULL, evidence
    FROM non_human_identities AS n
    WHERE github_user_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM links AS l WHERE l.system = 'github' AND l.account_key = CAST(n.github_user_id AS VARCHAR))
    UNION ALL
    SELECT 'git', lower(email), email, name, worker_id, 'person', 'e-mail of the worker', NULL, NULL, evidence
    FROM workers AS w
    WHERE email IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM links AS l WHERE l.system = 'git' AND l.account_key = lower(w.email))
)
SELECT system, account_key, stated_key, account_label, principal_id, principal_type, method,
    coalesce(valid_from, TIMESTAMPTZ '1970-01-01 00:00:00Z') AS valid_from,
    least(valid_to, lead(valid_from) OVER succession) AS valid_to,
    lead(valid_from) OVER succession AS next_from, evidence
FROM stated
WINDOW succession AS (PARTITION BY system, account_key ORDER BY coalesce(valid_from, TIMESTAMPTZ '1970-01-01 00:00:00Z'), principal_id)
