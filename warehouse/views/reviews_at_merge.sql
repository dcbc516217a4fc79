-- Reviews of merged changes as of the merge (D1). `in_force`: the reviewer's last deciding review before the merge, still
-- an approval then. `dismissal_unknown`: dismissed at a time that nothing tells, so it may have been in force.
WITH judged AS (
    SELECT c.change, c.merged_at, r.* EXCLUDE (repo, pull_number), r.submitted_at < c.merged_at AS before_merge,
        coalesce(p.principal_id, 'github:' || r.user_id) AS principal, p.principal_id IS NOT NULL AS resolved,
        coalesce(r.user_type = 'Bot', false) OR coalesce(r.user_login LIKE '%[bot]', false) OR coalesce(p.principal_type = 'nhi', false) AS bot,
        d.principal_id AS dismisser,
        CASE WHEN NOT r.dismissed OR r.dismissed_at >= c.merged_at THEN r.state_before ELSE 'DISMISSED' END AS state_then,
        r.dismissed AND r.dismissed_at IS NULL AS dismissal_unknown
    FROM merged_changes AS c
    JOIN code_reviews AS r ON r.repo = c.repo AND r.pull_number = c.number
    LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(r.user_id AS VARCHAR)
        AND r.submitted_at >= p.valid_from AND (p.valid_to IS NULL OR r.submitted_at < p.valid_to)
    LEFT JOIN principals AS d ON d.system = 'github' AND d.account_key = CAST(r.dismissed_by AS VARCHAR)
        AND r.dismissed_at >= d.valid_from AND (d.valid_to IS NULL OR r.dismissed_at < d.valid_to)
), placed AS (
    SELECT *, before_merge AND state_then IN ('APPROVED', 'CHANGES_REQUESTED', 'DISMISSED') AS deciding,
        deciding AND row_number() OVER (
            PARTITION BY change, principal, deciding ORDER BY submitted_at DESC, review_id DESC) = 1 AS last_decision
    FROM judged
)
SELECT *, last_decision AND state_then = 'APPROVED' AS in_force,
    last_decision AND dismissal_unknown AND coalesce(state_before, 'APPROVED') = 'APPROVED' AS perhaps_in_force
FROM placed
