-- What reached a branch while its protection was weak: merged pull requests and other updates, P_CLOCK_SKEW wide at both ends.
WITH stretches AS (
    SELECT *, weakened_at - span_at('CHG-02', 'P_CLOCK_SKEW', weakened_at) AS starts_at,
        restored_at + span_at('CHG-02', 'P_CLOCK_SKEW', weakened_at) AS ends_at
    FROM weakened_intervals
), reached AS (
    SELECT w.subject, c.change AS what, c.merged_at AS reached_at, c.contributors AS people, c.merged_by_id AS actor_id,
        c.independence = 'PASS' AND c.currency = 'PASS' AS approved, c.evidence
    FROM stretches AS w
    JOIN change_reviews AS c ON c.repo = w.repo AND c.base_ref = w.branch AND c.merged_at >= w.starts_at
        AND (w.ends_at IS NULL OR c.merged_at < w.ends_at)
    UNION ALL
    SELECT w.subject, u.before_sha || '..' || u.after_sha, u.pushed_at, [], u.actor_id, false, u.evidence
    FROM stretches AS w
    JOIN branch_updates AS u ON u.repo = w.repo AND u.branch = w.branch AND u.pushed_at >= w.starts_at
        AND (w.ends_at IS NULL OR u.pushed_at < w.ends_at)
    LEFT JOIN merged_changes AS c ON c.repo = u.repo AND c.merge_commit_sha = u.after_sha
    WHERE c.change IS NULL
)
SELECT r.subject, r.what, r.reached_at, r.approved, r.evidence,
    list_distinct(list_append(r.people, coalesce(p.principal_id, 'github:' || r.actor_id))) AS people
FROM reached AS r
LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(r.actor_id AS VARCHAR)
    AND r.reached_at >= p.valid_from AND (p.valid_to IS NULL OR r.reached_at < p.valid_to)
