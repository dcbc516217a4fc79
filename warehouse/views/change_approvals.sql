-- Approvals that people gave to merged changes before the merge and that were (perhaps) in force then, each with: is it
-- independent of the contributors, does it cover the code that was merged, might the approver write, was the approver
-- employed. NULL = evidence is missing.
WITH RECURSIVE reach AS (
    SELECT DISTINCT r.change, r.commit_id AS start, r.commit_id AS sha FROM reviews_at_merge AS r WHERE r.deciding
    UNION
    SELECT w.change, w.start, unnest(m.parent_shas)
    FROM reach AS w
    JOIN merged_changes AS c ON c.change = w.change
    JOIN pull_commits AS m ON m.repo = c.repo AND m.pull_number = c.number AND m.sha = w.sha
), later AS (
    -- Commits of the change that the approved commit does not contain.
    SELECT r.review_id, count(*) FILTER (m.no_diff = false) AS unreviewed, count(*) FILTER (m.no_diff IS NULL) AS unknown,
        string_agg(left(m.sha, 7), ', ' ORDER BY m.committed_at, m.sha) FILTER (m.no_diff = false) AS shas,
        flatten(list(m.proofs)) AS proofs
    FROM reviews_at_merge AS r
    JOIN merged_changes AS c ON c.change = r.change
    JOIN pull_commits AS m ON m.repo = c.repo AND m.pull_number = c.number
    WHERE r.deciding AND NOT EXISTS (SELECT 1 FROM reach AS w WHERE w.change = r.change AND w.start = r.commit_id AND w.sha = m.sha)
    GROUP BY r.review_id
), contributors AS (
    SELECT change, list(principal) FILTER (certain) AS certain, list(principal) FILTER (NOT certain) AS uncertain
    FROM change_contributors GROUP BY change
), access AS (
    SELECT r.review_id, bool_or(w.user_id = r.user_id AND w.writes) AS may_write, list(w.evidence) FILTER (w.user_id = r.user_id) AS proofs
    FROM reviews_at_merge AS r
    JOIN merged_changes AS c ON c.change = r.change
    JOIN write_access AS w ON w.repo = c.repo AND w.day = (
        SELECT max(d.day) FROM write_access AS d WHERE d.repo = c.repo AND d.day <= local_day(r.submitted_at))
    WHERE r.deciding
    GROUP BY r.review_id
)
SELECT r.change, r.review_id, r.principal, r.submitted_at, r.commit_id, r.in_force,
    CASE WHEN list_contains(coalesce(k.certain, []), r.principal) THEN false
         WHEN NOT r.resolved OR NOT r.in_force OR list_contains(coalesce(k.uncertain, []), r.principal) THEN NULL
         ELSE true END AS independent,
    CASE WHEN r.commit_id = c.head_sha THEN true
         WHEN NOT EXISTS (SELECT 1 FROM pull_commits AS m WHERE m.repo = c.repo AND m.pull_number = c.number AND m.sha = r.commit_id)
             THEN CASE WHEN coalesce(c.commits, 1) > (SELECT count(*) FROM pull_commits AS m WHERE m.repo = c.repo AND m.pull_number = c.number)
                       THEN NULL ELSE false END
         WHEN l.unreviewed > 0 THEN false
         WHEN l.unknown > 0 THEN NULL
         ELSE true END AS current,
    l.shas AS unreviewed, a.may_write,
    CASE WHEN r.resolved THEN w.worker_id IS NOT NULL AND (w.terminated_at IS NULL OR r.submitted_at < w.terminated_at) END AS employed,
    r.evidence AS review_proofs, coalesce(l.proofs, []) AS commit_proofs,
    proofs(list_concat(coalesce(a.proofs, []), [w.evidence])) AS access_proofs
FROM reviews_at_merge AS r
JOIN merged_changes AS c ON c.change = r.change
LEFT JOIN later AS l ON l.review_id = r.review_id
LEFT JOIN contributors AS k ON k.change = r.change
LEFT JOIN access AS a ON a.review_id = r.review_id
LEFT JOIN workers AS w ON w.worker_id = r.principal
WHERE (r.in_force OR r.perhaps_in_force) AND NOT r.bot
