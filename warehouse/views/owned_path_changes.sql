-- Merged changes of repositories with paths that an owner must approve: was one touched (NULL: the changed files are not
-- known, or GitHub cut their list at its 300), and did an owner of every path touched approve?
WITH files AS (
    SELECT repo, head_ref, CASE WHEN json_type(files) = 'ARRAY' THEN json_extract_string(files, '$[*].filename') END AS names, evidence FROM github_comparisons
), paths AS (
    SELECT c.change, o.path, CASE WHEN len(list_filter(f.names, lambda n: n GLOB o.path)) > 0 THEN true WHEN len(f.names) < 300 THEN false END AS touched,
        bool_or(list_contains(c.independent, o.owner)) AS approved, list(f.evidence) AS proofs
    FROM change_reviews AS c
    JOIN scope_owned_paths AS o ON o.repo = c.repo
    LEFT JOIN files AS f ON f.repo = c.repo AND f.head_ref IN (c.head_sha, c.merge_commit_sha)
    GROUP BY ALL
)
SELECT change, CASE WHEN bool_or(touched) THEN true WHEN bool_and(touched IS NOT NULL) THEN false END AS touched, bool_and(approved OR NOT touched) AS approved, proofs(flatten(list(proofs))) AS proofs
FROM paths
GROUP BY change
