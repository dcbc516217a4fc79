-- Updates of protected branches past the pull request (CHG-03): overrides in the audit log, bypassed rule suites, direct and
-- forced pushes. What several sources tell of one update, by commits before and after, is one row.
WITH told AS (
    SELECT a.repo, b.branch, a.before_sha, a.after_sha, a.event_time AS told_at, a.actor_id, 'override' AS kind, NULL AS activity_type,
        coalesce(json_array_length(a.overridden_codes), 0) + coalesce(json_array_length(a.reasons), 0) AS reasons, a.evidence
    FROM github_audit_log AS a
    JOIN scope_branches AS b ON b.repo = a.repo AND replace(a.branch, 'refs/heads/', '') = b.branch
    WHERE a.action = 'protected_branch.policy_override' AND a.row_status = 'first' AND a.before_sha IS NOT NULL AND a.after_sha IS NOT NULL
    UNION ALL
    SELECT s.repo, b.branch, r.before_sha, r.after_sha, r.pushed_at, r.actor_id, 'bypass', NULL, NULL, r.evidence
    FROM github_rule_suites AS r
    JOIN scope_repositories AS s ON s.repo_id = r.repository_id OR s.repo = r.repo
    JOIN scope_branches AS b ON b.repo = s.repo AND r.ref = 'refs/heads/' || b.branch
    WHERE r.result = 'bypass'
    UNION ALL
    SELECT repo, branch, before_sha, after_sha, pushed_at, actor_id, activity_type, activity_type, NULL, evidence FROM branch_updates
), updates AS (
    SELECT repo, branch, before_sha, after_sha, min(told_at) AS updated_at, min_by(actor_id, told_at) AS actor_id,
        list_distinct(list(kind)) AS kinds, max(activity_type) AS activity_type, max(reasons) FILTER (kind = 'override') AS reasons, list(evidence) AS proofs
    FROM told GROUP BY repo, branch, before_sha, after_sha
    HAVING bool_or(kind IN ('override', 'bypass', 'push', 'force_push'))
), compared AS (
    SELECT u.repo, u.before_sha, u.after_sha, any_value(k.status) AS status,
        CASE WHEN bool_and(coalesce(json_type(k.files) = 'ARRAY', false)) THEN list_distinct(flatten(list(json_extract_string(k.files, '$[*].filename')))) END AS files,
        list(k.evidence) AS proofs
    FROM updates AS u
    JOIN github_comparisons AS k ON k.repo = u.repo AND k.base_ref = u.before_sha AND k.head_ref = u.after_sha
    GROUP BY ALL
), followed AS (
    SELECT u.repo, u.branch, u.before_sha, u.after_sha, r.reviewer, r.reviewed_at, r.evidence
    FROM updates AS u JOIN company_retrospective_reviews AS r ON r.sha = u.after_sha
    UNION ALL
    SELECT u.repo, u.branch, u.before_sha, u.after_sha, v.principal, v.submitted_at, v.evidence[1]
    FROM updates AS u
    JOIN merged_changes AS c ON c.repo = u.repo AND c.merge_commit_sha = u.after_sha
    JOIN reviews_at_merge AS v ON v.change = c.change AND NOT v.bot AND v.resolved AND NOT v.before_merge AND v.state_before = 'APPROVED'
), reviewed AS (
    SELECT f.repo, f.branch, f.before_sha, f.after_sha, list({'reviewer': f.reviewer, 'reviewed_at': f.reviewed_at}) AS reviews, list(f.evidence) AS proofs
    FROM followed AS f GROUP BY ALL
)
SELECT u.* EXCLUDE (proofs), u.repo || ':' || u.branch || ':' || u.before_sha || '..' || u.after_sha AS subject,
    coalesce(p.principal_id, 'github:' || u.actor_id) AS actor, coalesce(p.principal_type = 'nhi', false) AS automatic,
    coalesce(list_concat(CAST(n.allowed_paths AS JSON)::VARCHAR[],
        list_transform(list_filter(CAST(n.allowed_actions AS JSON)::VARCHAR[], lambda x: starts_with(x, 'push ')), lambda x: substr(x, 6))), []) AS allowed,
    k.status, k.files, c.change, coalesce(c.contributors, []) AS contributors, coalesce(r.reviews, []) AS reviews,
    coalesce(list_contains(CAST(g.parents AS JSON)::VARCHAR[], u.before_sha), false) AS descends,
    proofs(list_concat(u.proofs, [c.evidence, n.evidence, g.evidence], coalesce(k.proofs, []))) AS evidence, proofs(coalesce(r.proofs, [])) AS review_proofs
FROM updates AS u
LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(u.actor_id AS VARCHAR)
    AND u.updated_at >= p.valid_from AND (p.valid_to IS NULL OR u.updated_at < p.valid_to)
LEFT JOIN non_human_identities AS n ON n.nhi_id = p.principal_id
LEFT JOIN compared AS k ON k.repo = u.repo AND k.before_sha = u.before_sha AND k.after_sha = u.after_sha
LEFT JOIN change_reviews AS c ON c.repo = u.repo AND c.merge_commit_sha = u.after_sha
LEFT JOIN (FROM git_commits WHERE row_status = 'first') AS g ON g.repo = u.repo AND g.sha = u.after_sha
LEFT JOIN reviewed AS r ON r.repo = u.repo AND r.branch = u.branch AND r.before_sha = u.before_sha AND r.after_sha = u.after_sha
