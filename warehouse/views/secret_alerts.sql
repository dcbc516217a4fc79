-- Secrets found in repositories in scope, as they stand: is it a true positive (an open one counts as one), who resolved,
-- bypassed and committed it, and did its commit reach a protected branch (NULL: its commit is not told).
WITH held AS (
    SELECT a.*, a.repo || ':secret:' || a.number AS subject, coalesce(a.resolution, '') NOT IN ('false_positive', 'used_in_tests', 'pattern_deleted', 'pattern_edited') AS true_positive
    FROM (
        FROM github_secret_scanning_alerts
        QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY updated_at DESC NULLS LAST, collected_at DESC, record DESC) = 1
    ) AS a
    JOIN scope_repositories AS s ON s.repo = a.repo
), commits AS (
    SELECT repo, sha, author_id, author_email, evidence FROM git_commits
    UNION SELECT repo, sha, author_id, author_email, evidence FROM github_pull_request_commits
), authors AS (
    SELECT h.subject, min(coalesce(p.principal_id, e.principal_id)) AS committer, list(c.evidence) AS proofs
    FROM held AS h JOIN commits AS c ON c.repo = h.repo AND c.sha = h.commit_sha
    LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(c.author_id AS VARCHAR) AND h.created_at >= p.valid_from AND (p.valid_to IS NULL OR h.created_at < p.valid_to)
    LEFT JOIN principals AS e ON e.system = 'git' AND e.account_key = lower(c.author_email) AND h.created_at >= e.valid_from AND (e.valid_to IS NULL OR h.created_at < e.valid_to)
    GROUP BY h.subject
), reached AS (
    SELECT h.subject, min(what) AS what, list(r.evidence) AS proofs
    FROM held AS h JOIN (
        SELECT c.repo, m.sha, c.change AS what, c.evidence FROM merged_changes AS c JOIN pull_commits AS m ON m.repo = c.repo AND m.pull_number = c.number
        UNION ALL SELECT repo, merge_commit_sha, change, evidence FROM merged_changes
        UNION ALL SELECT repo, after_sha, branch, evidence FROM branch_updates
    ) AS r ON r.repo = h.repo AND r.sha = h.commit_sha
    GROUP BY h.subject
), accounts AS (
    SELECT subject, 'resolver' AS part, resolved_by_id AS user_id, resolved_at AS at_time FROM held
    UNION ALL SELECT subject, 'bypasser', push_protection_bypassed_by_id, push_protection_bypassed_at FROM held
    UNION ALL SELECT subject, 'reviewer', bypass_reviewer_id, push_protection_bypassed_at FROM held
), people AS (
    SELECT a.subject, any_value(p.principal_id) FILTER (part = 'resolver') AS resolver, any_value(p.principal_id) FILTER (part = 'bypasser') AS bypasser,
        any_value(p.principal_id) FILTER (part = 'reviewer') AS reviewer
    FROM accounts AS a JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(a.user_id AS VARCHAR) AND a.at_time >= p.valid_from AND (p.valid_to IS NULL OR a.at_time < p.valid_to)
    GROUP BY a.subject
)
SELECT h.*, p.resolver, p.bypasser, p.reviewer, coalesce(u.committer, p.bypasser) AS committer, r.what AS reached, CASE WHEN h.commit_sha IS NOT NULL THEN r.what IS NOT NULL END AS merged,
    proofs(list_concat([h.evidence], coalesce(u.proofs, []), coalesce(r.proofs, []))) AS proofs
FROM held AS h
LEFT JOIN people AS p ON p.subject = h.subject
LEFT JOIN authors AS u ON u.subject = h.subject
LEFT JOIN reached AS r ON r.subject = h.subject
