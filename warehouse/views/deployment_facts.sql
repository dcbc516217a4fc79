-- One row per production deployment: who took part in what it deploys (CHG-07), and where its commit stood (CHG-08).
-- The deployer of a deployment that a push started is who approved it; of one started by hand, or again, who did that.
WITH brought AS (
    SELECT d.subject, coalesce(flatten(list(c.contributors) FILTER (c.change IS NOT NULL)), []) AS contributors,
        coalesce(flatten(list(c.approvers) FILTER (c.change IS NOT NULL)), []) AS approvers,
        coalesce(list(DISTINCT c.change) FILTER (c.change IS NOT NULL), []) AS brought,
        coalesce(bool_or(c.people > 0 AND c.independence = 'EXCEPTION'), false) AS sole_approver,
        coalesce(bool_or(c.people > 0 AND c.independence = 'INDETERMINATE'), false) AS doubtful,
        coalesce(bool_or(c.people > 0), false) AS any_approval, min(c.merged_at) AS first_merged_at,
        list(c.evidence) FILTER (c.change IS NOT NULL) AS proofs
    FROM production_deployments AS d
    LEFT JOIN deployed_changes AS x ON x.release = d.subject
    LEFT JOIN (
        SELECT r.*, coalesce(a.approvers, []) AS approvers FROM change_reviews AS r
        LEFT JOIN (SELECT change, list(principal) AS approvers FROM change_approvals GROUP BY change) AS a ON a.change = r.change
    ) AS c ON c.change = x.change
    GROUP BY d.subject
), gated AS (
    SELECT d.subject, list_distinct(list(v.approver) FILTER (NOT v.by_machine)) AS env_approvers, bool_and(v.resolved) AS approvers_resolved, flatten(list(v.evidence)) AS proofs
    FROM production_deployments AS d
    JOIN environment_approvals AS v ON v.repo = d.repo AND v.run_id = d.run_id AND v.run_attempt = d.run_attempt
        AND coalesce(v.environment, d.environment) = d.environment
    GROUP BY d.subject
), prepared AS (
    SELECT d.subject, list_distinct(list(l.job_workflow_ref)) AS refs, list(l.evidence) AS proofs
    FROM production_deployments AS d
    JOIN deployment_attempts AS a ON a.repo = d.repo AND a.run_id = d.run_id AND a.run_attempt = d.run_attempt AND a.environment = d.environment
    JOIN github_audit_log AS l ON l.action = 'workflows.prepared_workflow_job' AND l.workflow_run_id = d.run_id AND l.environment_name = d.environment
        AND l.event_time >= coalesce(a.attempt_started_at, '-infinity') AND l.event_time < coalesce(a.next_started_at, 'infinity')
    WHERE l.job_workflow_ref IS NOT NULL
    GROUP BY d.subject
), standing AS (
    -- When the commit came onto a protected branch: by an update, by a merge, or as a parent of what was merged.
    SELECT repo, sha, min(at_time) AS on_branch_at FROM (
        SELECT repo, after_sha AS sha, pushed_at AS at_time FROM branch_updates
        UNION ALL SELECT repo, before_sha, pushed_at - INTERVAL 1 MICROSECOND FROM branch_updates
        UNION ALL SELECT repo, merge_commit_sha, merged_at FROM merged_changes
        UNION ALL
        SELECT c.repo, unnest(CAST(g.parents AS JSON)::VARCHAR[]), c.merged_at
        FROM merged_changes AS c JOIN git_commits AS g ON g.repo = c.repo AND g.sha = c.merge_commit_sha
    ) GROUP BY ALL
), merged AS (
    SELECT d.subject, min(c.merged_at) AS merged_at, min(c.change) AS change, list(c.evidence) AS proofs
    FROM production_deployments AS d
    JOIN merged_changes AS c ON c.repo = d.repo AND (c.merge_commit_sha = d.sha OR EXISTS (
        SELECT 1 FROM github_commit_pulls AS k, json_each(k.pulls) AS p
        WHERE k.repo = d.repo AND k.sha = d.sha AND TRY_CAST(p.value ->> '$.number' AS BIGINT) = c.number))
    GROUP BY d.subject
), off_branch AS (
    -- What shows that a commit was not on the branch: it is the head of a change that was merged later, or of another branch.
    SELECT d.subject, min(c.merged_at) AS merged_later_at FROM production_deployments AS d
    JOIN merged_changes AS c ON c.repo = d.repo AND c.merged_at > d.created_at
    LEFT JOIN pull_commits AS m ON m.repo = c.repo AND m.pull_number = c.number AND m.sha = d.sha
    WHERE c.head_sha = d.sha OR m.sha IS NOT NULL OR c.merge_commit_sha = d.sha
    GROUP BY d.subject
), before AS (
    SELECT d.subject, max(e.created_at) AS deployed_before_at, max_by(e.subject, e.created_at) AS deployed_before, list(e.evidence[1]) AS proofs
    FROM production_deployments AS d
    JOIN production_deployments AS e ON e.repo = d.repo AND e.environment = d.environment AND e.sha = d.sha
        AND e.subject <> d.subject AND e.succeeded_at < d.created_at
    GROUP BY d.subject
), between_them AS (
    -- Another commit was deployed since: so putting the earlier one back is a rollback, not a repetition.
    SELECT DISTINCT b.subject FROM before AS b
    JOIN production_deployments AS d ON d.subject = b.subject
    JOIN production_deployments AS o ON o.repo = d.repo AND o.environment = d.environment AND o.sha <> d.sha
        AND o.created_at > b.deployed_before_at AND o.created_at < d.created_at
)
SELECT d.*, b.contributors, b.approvers, b.brought, b.sole_approver, b.doubtful, b.any_approval, b.first_merged_at,
    coalesce(g.env_approvers, []) AS env_approvers, coalesce(g.approvers_resolved, true) AS approvers_resolved,
    r.path, r.trigger_event, r.trigger_principal, r.resolved AS trigger_resolved, r.automatic, r.head_branch, r.started_at AS attempt_started_at,
    CASE WHEN r.run_id IS NULL THEN NULL
         WHEN r.trigger_event = 'push' AND d.run_attempt = 1 THEN coalesce(g.env_approvers, [])
         ELSE [r.trigger_principal] END AS deployers,
    p.refs, s.on_branch_at, m.merged_at, m.change AS merged_change, o.merged_later_at, f.deployed_before, f.deployed_before_at,
    n.subject IS NOT NULL OR coalesce(r.path = (SELECT value FROM scope_values WHERE name = 'rollback_workflow'), false) AS rollback,
    sb.branch AS protected_branch,
    proofs(list_concat(d.evidence, [r.evidence], coalesce(b.proofs, []), coalesce(g.proofs, []))) AS role_proofs,
    proofs(list_concat(d.evidence, [r.evidence], coalesce(p.proofs, []), coalesce(m.proofs, []), coalesce(f.proofs, []))) AS place_proofs
FROM production_deployments AS d
JOIN brought AS b ON b.subject = d.subject
LEFT JOIN gated AS g ON g.subject = d.subject
LEFT JOIN run_attempts AS r ON r.run_id = d.run_id AND r.run_attempt = d.run_attempt
LEFT JOIN prepared AS p ON p.subject = d.subject
LEFT JOIN standing AS s ON s.repo = d.repo AND s.sha = d.sha
LEFT JOIN merged AS m ON m.subject = d.subject
LEFT JOIN off_branch AS o ON o.subject = d.subject
LEFT JOIN before AS f ON f.subject = d.subject
LEFT JOIN between_them AS n ON n.subject = d.subject
LEFT JOIN (SELECT repo, min(branch) AS branch FROM scope_branches GROUP BY repo) AS sb ON sb.repo = d.repo
