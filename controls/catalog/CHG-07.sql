WITH roles AS (
    SELECT *, list_distinct(list_concat(contributors, approvers, coalesce(deployers, []), env_approvers)) AS everyone,
        list_has_any(coalesce(deployers, []), contributors) AS own,
        parameter_at('CHG-07', 'P_DEPLOYER_RULE', created_at) = 'approver-independent'
            AND len(list_filter(env_approvers, lambda p: NOT list_contains(contributors, p))) > 0 AS mitigated,
        coalesce(automatic AND rollback, false) AS automatic_rollback
    FROM deployment_facts WHERE created_at >= $period_start AND created_at < $period_end
), members AS (
    SELECT r.*, list_filter(everyone, lambda p: list_contains(k.people, p)) AS persons,
        list_filter(everyone, lambda p: NOT list_contains(k.people, p) AND NOT list_contains(k.owned, p)) AS unknown
    FROM roles AS r, (SELECT (SELECT coalesce(list(worker_id), []) FROM workers) AS people, (SELECT coalesce(list(nhi_id), [])
        FROM non_human_identities WHERE owner IN (SELECT worker_id FROM workers)) AS owned) AS k
), weakening AS (
    SELECT m.subject, string_agg(w.subject, ', ' ORDER BY w.weakened_at) AS intervals, flatten(list(w.evidence)) AS proofs,
        bool_or(list_has_any(coalesce(w.weakeners, []), coalesce(m.deployers, []))) AS own
    FROM members AS m
    JOIN weakened_intervals AS w ON w.repo = m.repo
        AND (list_has_any(coalesce(w.weakeners, []), coalesce(m.deployers, [])) OR w.unresolved OR w.events = 0)
        AND w.weakened_at <= m.created_at AND coalesce(w.restored_at, 'infinity') >= coalesce(m.first_merged_at, m.created_at)
    GROUP BY m.subject
), answers AS (
    SELECT subject, 'A' AS attribute,
        CASE WHEN automatic_rollback THEN 'NOT_APPLICABLE' WHEN len(persons) >= 2 THEN 'PASS'
             WHEN len(unknown) > 0 OR deployers IS NULL THEN 'INDETERMINATE' ELSE 'EXCEPTION' END AS verdict,
        CASE WHEN automatic_rollback THEN 'automatic rollback' ELSE 'took part: ' || coalesce(nullif(array_to_string(list_sort(everyone), ', '), ''), 'nobody known') END AS reason
    FROM members
    UNION ALL
    SELECT subject, 'B', CASE WHEN sole_approver THEN 'EXCEPTION' WHEN doubtful THEN 'INDETERMINATE' WHEN NOT any_approval THEN 'NOT_APPLICABLE' ELSE 'PASS' END,
        CASE WHEN sole_approver THEN 'a change was approved by its contributors only' WHEN doubtful THEN 'an approver cannot be told from the contributors'
             WHEN NOT any_approval THEN 'no approval to judge' ELSE 'each change was approved by somebody independent' END
    FROM members
    UNION ALL
    SELECT subject, 'C',
        CASE WHEN automatic_rollback OR len(brought) = 0 THEN 'NOT_APPLICABLE' WHEN own AND NOT mitigated THEN 'EXCEPTION' WHEN own THEN 'PASS'
             WHEN deployers IS NULL THEN 'INDETERMINATE' WHEN len(deployers) = 0 THEN 'NOT_APPLICABLE'
             WHEN list_has_any(unknown, list_concat(deployers, contributors)) THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN automatic_rollback THEN 'automatic rollback' WHEN len(brought) = 0 THEN 'it brings no change' WHEN deployers IS NULL THEN 'its run is not known'
             WHEN len(deployers) = 0 THEN 'nobody approved the attempt (CHG-06)'
             ELSE 'deployed by ' || array_to_string(list_sort(deployers), ', ') || '; contributors: ' || array_to_string(list_sort(list_distinct(contributors)), ', ') END
    FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN deployers IS NULL OR len(unknown) > 0 THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN deployers IS NULL THEN 'its run is not known' WHEN len(unknown) > 0 THEN 'no person is known behind ' || array_to_string(list_sort(unknown), ', ')
             ELSE 'every role is a person''s, or a registered identity''s with an owner' END
    FROM members
    UNION ALL
    SELECT m.subject, 'E', CASE WHEN w.own THEN 'EXCEPTION' WHEN m.deployers IS NULL OR w.subject IS NOT NULL THEN 'INDETERMINATE' ELSE 'PASS' END,
        coalesce(CASE WHEN w.own THEN 'the deployer had weakened ' ELSE 'who weakened it is not known: ' END || w.intervals, 'the deployer had not weakened the branch''s protection')
    FROM members AS m LEFT JOIN weakening AS w USING (subject)
)
SELECT 'deployments' AS population, a.subject, a.attribute, a.verdict, a.reason, m.created_at AS event_time, m.role_proofs AS evidence,
    coalesce(m.first_merged_at, m.created_at) AS window_start, m.created_at AS window_end,
    list_append(CASE WHEN len(m.brought) = 1 THEN m.brought ELSE [] END, a.subject) AS changes,
    to_json({'repo': m.repo, 'service': m.service, 'deployment': m.deployment_id}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
