-- Contributors of a merged change (D2): author, authors and committers of its commits, co-authors that a trailer resolves,
-- whoever pushed to its head branch. Not GitHub's own committer, and not who only merged the base without a difference.
-- `certain` is false where trees that would tell such a merge are missing. An author or pusher that is not named is `unknown`, and
-- like every account that is not resolved may be anybody.
WITH acts AS (
    SELECT change, merged_at, user_id AS account, NULL AS email, 'author' AS how, true AS certain, [evidence] AS proofs
    FROM merged_changes
    UNION ALL
    SELECT c.change, c.merged_at, m.author_id, m.author_email, 'author of ' || m.sha, m.no_diff IS NOT NULL, m.proofs
    FROM merged_changes AS c JOIN pull_commits AS m ON m.repo = c.repo AND m.pull_number = c.number
    WHERE m.no_diff IS DISTINCT FROM true
    UNION ALL
    SELECT c.change, c.merged_at, m.committer_id, m.committer_email, 'committer of ' || m.sha, m.no_diff IS NOT NULL, m.proofs
    FROM merged_changes AS c JOIN pull_commits AS m ON m.repo = c.repo AND m.pull_number = c.number
    WHERE m.no_diff IS DISTINCT FROM true
        AND coalesce(m.committer_login, '') <> 'web-flow' AND coalesce(m.committer_email, '') <> 'noreply@github.com'
    UNION ALL
    SELECT change, merged_at, TRY_CAST(regexp_extract(address, '^([0-9]+)\+[^@]+@users\.noreply\.github\.com$', 1) AS BIGINT),
        address, 'co-author of ' || sha, certain, proofs
    FROM (
        SELECT c.change, c.merged_at, m.sha, m.no_diff IS NOT NULL AS certain, m.proofs,
            unnest(regexp_extract_all(m.message, '(?im)^\s*co-authored-by:[^<\n]*<([^>\n]+)>', 1)) AS address
        FROM merged_changes AS c JOIN pull_commits AS m ON m.repo = c.repo AND m.pull_number = c.number
        WHERE m.no_diff IS DISTINCT FROM true
    )
    UNION ALL
    SELECT c.change, c.merged_at, a.actor_id, NULL, 'push of ' || a.after_sha, m.sha IS NULL OR m.no_diff IS NOT NULL, [a.evidence]
    FROM merged_changes AS c
    JOIN github_branch_activity AS a ON a.repo = coalesce(c.head_repo, c.repo) AND a.ref = 'refs/heads/' || c.head_ref
        AND a.pushed_at < c.merged_at AND a.activity_type <> 'branch_deletion'
    LEFT JOIN pull_commits AS m ON m.repo = c.repo AND m.pull_number = c.number AND m.sha = a.after_sha
    WHERE (m.sha IS NOT NULL OR a.pushed_at >= c.created_at) AND m.no_diff IS DISTINCT FROM true
)
SELECT a.change, coalesce(g.principal_id, e.principal_id,
        CASE WHEN a.account IS NOT NULL THEN 'github:' || a.account WHEN a.email IS NOT NULL THEN 'git:' || lower(a.email) ELSE 'unknown' END) AS principal,
    coalesce(g.principal_id, e.principal_id) IS NOT NULL AS resolved, bool_or(a.certain) AS certain,
    string_agg(DISTINCT a.how, ', ' ORDER BY a.how) AS how, proofs(flatten(list(a.proofs))) AS proofs
FROM acts AS a
LEFT JOIN principals AS g ON g.system = 'github' AND g.account_key = CAST(a.account AS VARCHAR)
    AND a.merged_at >= g.valid_from AND (g.valid_to IS NULL OR a.merged_at < g.valid_to)
LEFT JOIN principals AS e ON a.account IS NULL AND e.system = 'git' AND e.account_key = lower(a.email)
    AND a.merged_at >= e.valid_from AND (e.valid_to IS NULL OR a.merged_at < e.valid_to)
WHERE (a.account IS NOT NULL OR a.email IS NOT NULL OR a.how NOT LIKE 'committer%')
    AND (a.how NOT LIKE 'co-author%' OR coalesce(g.principal_id, e.principal_id) IS NOT NULL)
GROUP BY ALL
