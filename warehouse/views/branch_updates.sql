-- Updates of protected branches in scope, in their order; `broken`: the branch was moved from a commit that no earlier
-- update, as far as known, had moved it to. The chain of before and after is the proof that none is missing.
WITH held AS (
    SELECT a.repo, b.branch, a.before_sha, a.after_sha, a.activity_type, a.actor_id, a.pushed_at, a.activity_id, a.evidence
    FROM (
        FROM github_branch_activity QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
    ) AS a
    JOIN scope_branches AS b ON b.repo = a.repo AND a.ref = 'refs/heads/' || b.branch
)
SELECT h.*,
    h.pushed_at > min(h.pushed_at) OVER (PARTITION BY h.repo, h.branch)
        AND NOT EXISTS (
            SELECT 1 FROM held AS e WHERE e.repo = h.repo AND e.branch = h.branch AND e.pushed_at <= h.pushed_at
                AND e.after_sha = h.before_sha AND e.activity_id <> h.activity_id
        ) AS broken
FROM held AS h
