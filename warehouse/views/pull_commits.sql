-- Commits of pull requests. `no_diff`: a merge from the base whose tree is that of the automatic merge (D3); NULL: a
-- merge from the base whose trees are not known. A parent that is none of the pull request's commits is in its base.
WITH held AS (
    SELECT *, CAST(parents AS JSON)::VARCHAR[] AS parent_shas
    FROM github_pull_request_commits
    QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), automatic AS (
    SELECT c.repo, c.pull_number, c.sha, any_value(t.automerge_tree) AS automerge_tree, list(t.evidence) AS evidence
    FROM held AS c
    JOIN git_trees AS t ON t.repo = c.repo AND t.automerge_tree IS NOT NULL AND (
        t.sha = c.sha OR contains(t.automerge_tree_of, c.sha)
        OR (contains(t.automerge_tree_of, c.parent_shas[1]) AND contains(t.automerge_tree_of, c.parent_shas[2]))
    )
    WHERE c.parent_count = 2
    GROUP BY ALL
)
SELECT c.*,
    CASE
        WHEN c.parent_count IS DISTINCT FROM 2 THEN false
        WHEN EXISTS (SELECT 1 FROM held AS h WHERE h.repo = c.repo AND h.pull_number = c.pull_number AND h.sha = c.parent_shas[2])
            THEN false
        ELSE coalesce(t.tree_sha, c.tree_sha) = a.automerge_tree
    END AS no_diff,
    proofs(list_concat([c.evidence, t.evidence], coalesce(a.evidence, []))) AS proofs
FROM held AS c
LEFT JOIN automatic AS a ON a.repo = c.repo AND a.pull_number = c.pull_number AND a.sha = c.sha
LEFT JOIN (FROM git_trees WHERE row_status = 'first' AND tree_sha IS NOT NULL) AS t ON t.repo = c.repo AND t.sha = c.sha
