-- Signs that a day hides merged changes: a merge that the branch activity or the audit log tells of and no pull request
-- stands for, or a gap in the chain of a protected branch. `stream`: the one that something is missing from.
SELECT 'github.pull_requests' AS stream, local_day(u.pushed_at) AS day, u.evidence,
    u.repo || ': no pull request is held for the merge to ' || u.branch || ' at ' || left(u.after_sha, 7) AS reason
FROM branch_updates AS u
LEFT JOIN merged_changes AS c ON c.repo = u.repo AND c.merge_commit_sha = u.after_sha
WHERE u.activity_type IN ('pr_merge', 'merge_queue_merge') AND c.change IS NULL
UNION ALL
SELECT 'github.branch_activity', local_day(pushed_at), evidence, repo || ': the chain of ' || branch || ' has a gap before ' || left(after_sha, 7)
FROM branch_updates WHERE broken
UNION ALL
SELECT 'github.pull_requests', local_day(l.event_time), l.evidence, l.repo || ': no pull request is held for the merge that audit event ' || l.document_id || ' tells of'
FROM github_audit_log AS l
JOIN scope_repositories AS s ON s.repo = l.repo
LEFT JOIN pull_requests AS p ON p.pull_id = l.pull_request_id
WHERE l.action = 'pull_request.merge' AND l.pull_request_id IS NOT NULL AND p.pull_id IS NULL
