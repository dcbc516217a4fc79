-- Updates of protected branches in scope, in their order; `broken`: the branch was moved from a commit that no earlier
-- update, as far as known, had moved it to. The chain of before and after is the proof that none is missing.
WITH held AS (
    SELECT a.repo, b.branch, a.before_sha, a.after_sha, a.activity_type, a.actor_id, a.pushed_at, a.activity_id, a.evidence
    FROM (
        FROM github_branch_activity QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
    ) AS a
    JOIN scope_branches AS b ON b.repo = a.repo AND a.ref = 'refs/heads/' || b.branch
), first_seen AS (
    SELECT repo, branch, min(pushed_at) AS first_at FROM held GROUP BY ALL
), reached AS (
    SELECT repo, branch, after_sha, min(pushed_at) AS reached_at FROM held GROUP BY ALL
)
SELECT h.*, h.pushed_at > f.first_at AND coalesce(r.reached_at > h.pushed_at, true) AS broken
FROM held AS h
JOIN first_seen AS f ON f.repo = h.repo AND f.branch = h.branch
LEFT JOIN reached AS r ON r.repo = h.repo AND r.branch = h.branch AND r.after_sha = h.before_sha
