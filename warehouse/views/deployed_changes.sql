-- Which merged changes a production release brought: those merged after what was deployed before, up to what it deploys.
-- A release is a deployment, or an attempt that no deployment stands for. A commit's place on the branch is the time of
-- the update that brought it there. A commit that was never on the branch brings the changes that have it as a commit.
WITH releases AS (
    SELECT subject AS release, repo, environment, sha, created_at AS released_at, succeeded_at FROM production_deployments
    UNION ALL
    SELECT subject, repo, environment, sha, happened_at, CASE WHEN conclusion = 'success' THEN ended_at END
    FROM deployment_attempts WHERE len(deployments) = 0
), places AS (
    SELECT repo, sha, min(placed_at) AS placed_at FROM (
        SELECT repo, after_sha AS sha, pushed_at AS placed_at FROM branch_updates
        UNION ALL SELECT repo, merge_commit_sha, merged_at FROM merged_changes
    ) GROUP BY ALL
), bases AS (
    -- What a branch pointed to before its first known update was there just before that.
    SELECT repo, before_sha AS sha, min(pushed_at) - INTERVAL 1 MICROSECOND AS placed_at FROM branch_updates GROUP BY ALL
), placed AS (
    SELECT r.*, coalesce(p.placed_at, b.placed_at) AS placed_at
    FROM releases AS r
    LEFT JOIN places AS p ON p.repo = r.repo AND p.sha = r.sha
    LEFT JOIN bases AS b ON b.repo = r.repo AND b.sha = r.sha
), earlier AS (
    SELECT r.release, max_by(e.placed_at, e.released_at) AS placed_at, max(e.released_at) AS released_at
    FROM placed AS r
    JOIN placed AS e ON e.repo = r.repo AND e.environment = r.environment AND e.succeeded_at < r.released_at AND e.released_at < r.released_at
    GROUP BY r.release
)
SELECT DISTINCT r.release, r.repo, c.change
FROM placed AS r
LEFT JOIN earlier AS e ON e.release = r.release
JOIN merged_changes AS c ON c.repo = r.repo AND (
    c.merge_commit_sha = r.sha
    OR (e.release IS NOT NULL AND r.placed_at IS NOT NULL AND c.merged_at <= r.placed_at AND c.merged_at > coalesce(e.placed_at, e.released_at))
    OR (r.placed_at IS NULL AND c.head_sha = r.sha)
    OR (r.placed_at IS NULL AND EXISTS (SELECT 1 FROM pull_commits AS m WHERE m.repo = c.repo AND m.pull_number = c.number AND m.sha = r.sha))
)
WHERE NOT (e.placed_at IS NOT NULL AND r.placed_at IS NOT NULL AND r.placed_at < e.placed_at)
