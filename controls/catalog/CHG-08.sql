WITH workflows AS (
    SELECT coalesce(list(value), []) AS approved FROM scope_values WHERE name IN ('deploy_workflow', 'rollback_workflow', 'infra_workflow')
), members AS (
    SELECT d.*, coalesce(d.on_branch_at <= d.created_at, false) AS was_there,
        list_contains(w.approved, d.path) AS approved_path,
        coalesce(len(list_filter(d.refs, lambda r: NOT ends_with(r, '@refs/heads/' || d.protected_branch))) > 0, false) AS foreign_ref
    FROM deployment_facts AS d, workflows AS w
    WHERE d.created_at >= $period_start AND d.created_at < $period_end
), originals AS (
    -- What a rollback puts back: were the changes that first brought it approved?
    SELECT m.subject, coalesce(bool_or(c.independence = 'EXCEPTION' OR c.currency = 'EXCEPTION'), true) AS unapproved,
        coalesce(bool_or(c.independence = 'INDETERMINATE' OR c.currency = 'INDETERMINATE'), false) AS doubtful, list(c.evidence) AS proofs
    FROM members AS m LEFT JOIN change_reviews AS c ON c.repo = m.repo AND c.merge_commit_sha = m.sha
    WHERE m.rollback GROUP BY m.subject
), answers AS (
    SELECT subject, 'A' AS attribute,
        CASE WHEN was_there THEN 'PASS' WHEN merged_later_at IS NOT NULL OR on_branch_at IS NOT NULL OR (head_branch IS NOT NULL AND head_branch <> protected_branch)
             THEN 'EXCEPTION' ELSE 'INDETERMINATE' END AS verdict,
        CASE WHEN was_there THEN 'on the protected branch since ' || instant_text(on_branch_at)
             WHEN merged_later_at IS NOT NULL THEN 'merged only at ' || instant_text(merged_later_at) || ', after the deployment'
             WHEN head_branch <> protected_branch THEN 'a commit of branch ' || head_branch ELSE 'where the commit comes from is not known' END AS reason, [] AS proofs
    FROM members
    UNION ALL
    SELECT subject, 'B', CASE WHEN NOT was_there THEN 'NOT_APPLICABLE' WHEN merged_at <= created_at THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN NOT was_there THEN 'not on the protected branch as far as known (A)' ELSE coalesce('merged with ' || merged_change, 'no merged pull request brought it there') END, []
    FROM members
    UNION ALL
    SELECT subject, 'C',
        CASE WHEN path IS NULL THEN 'INDETERMINATE' WHEN NOT approved_path OR foreign_ref OR coalesce(head_branch <> protected_branch, false) THEN 'EXCEPTION'
             WHEN refs IS NULL AND head_branch IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN path IS NULL THEN 'its run is not known' ELSE path || ' of ' || coalesce(nullif(array_to_string(refs, ', '), ''), 'branch ' || head_branch, 'no known branch') END, []
    FROM members
    UNION ALL
    SELECT m.subject, 'E', CASE WHEN NOT m.rollback THEN 'NOT_APPLICABLE' WHEN m.deployed_before IS NULL OR o.unapproved THEN 'EXCEPTION' WHEN o.doubtful THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN NOT m.rollback THEN 'no rollback' WHEN m.deployed_before IS NULL THEN 'the commit had not been deployed before'
             WHEN o.unapproved THEN 'the change that first brought it was not approved' ELSE 'deployed before by ' || m.deployed_before || ', approved' END, coalesce(o.proofs, [])
    FROM members AS m LEFT JOIN originals AS o USING (subject)
), runs AS (
    SELECT run_id, min(attempt_started_at) AS started_at, max(coalesce(next_started_at, ended_at)) AS ended_at FROM deployment_attempts GROUP BY run_id
), asked AS (
    SELECT *, span_at('CHG-08', 'P_CLOCK_SKEW', called_at) AS skew FROM production_writes
    WHERE by_deployer AND called_at >= $period_start AND called_at < $period_end
), writes AS (
    SELECT w.subject, w.called_at, w.session_name, w.verb, w.resource, w.object_name, any_value(w.proofs) AS proofs,
        bool_or(list_contains(w.run_ids, r.run_id)) AS named, count(r.run_id) AS running
    FROM asked AS w LEFT JOIN runs AS r ON w.called_at >= r.started_at - w.skew AND w.called_at <= r.ended_at + w.skew
    GROUP BY ALL
)
SELECT 'deployments' AS population, a.subject, a.attribute, a.verdict, a.reason, m.created_at AS event_time, proofs(list_concat(m.place_proofs, a.proofs)) AS evidence,
    coalesce(m.attempt_started_at, m.created_at) AS window_start, m.created_at AS window_end,
    list_append(CASE WHEN len(m.brought) = 1 THEN m.brought ELSE [] END, a.subject) AS changes,
    to_json({'repo': m.repo, 'service': m.service, 'deployment': m.deployment_id}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
UNION ALL
SELECT 'writes', subject, 'D', CASE WHEN named THEN 'PASS' WHEN session_name IS NULL AND running > 0 THEN 'INDETERMINATE' ELSE 'EXCEPTION' END,
    concat_ws(' ', verb, resource, object_name) || CASE WHEN named THEN ' by ' || session_name WHEN session_name IS NULL THEN '; the session names no run'
        ELSE '; ' || session_name || ' is no production run at that time' END,
    called_at, proofs, called_at, called_at, NULL, NULL
FROM writes
