WITH members AS (
    SELECT *, (SELECT list(worker_id) FROM scope_people WHERE role = 'prod_runner_groups') AS groups, (SELECT to_days(CAST(TRY_CAST(value AS DOUBLE) AS INTEGER)) FROM scope_values WHERE name = 'run_retention_days') AS retention
    FROM pipeline_events WHERE event_time >= $period_start AND event_time < $period_end
)
SELECT 'events' AS population, subject, 'D' AS attribute,
    CASE WHEN deletes THEN 'NOT_APPLICABLE' WHEN ticket IS NULL THEN 'EXCEPTION' WHEN registers AND (groups IS NULL OR runner_group IS NULL) THEN 'INDETERMINATE' WHEN registers AND NOT list_contains(groups, runner_group) THEN 'EXCEPTION' ELSE 'PASS' END AS verdict,
    CASE WHEN deletes THEN 'a deletion (E)' ELSE action || ' on ' || coalesce(repo, 'the organisation') || coalesce('; ticket ' || ticket, '; no approved ticket')
        || CASE WHEN registers THEN '; runner group ' || coalesce(runner_group, 'not known') || CASE WHEN groups IS NULL THEN '; production''s groups are not known (scope.prod_runner_groups)' ELSE '' END ELSE '' END END AS reason,
    event_time, proofs AS evidence, ['itsm.ticket'] AS needs, to_json({'repo': repo, 'action': action, 'person': actor}) AS covers
FROM members
UNION ALL
SELECT 'events', subject, 'E', CASE WHEN NOT deletes THEN 'NOT_APPLICABLE' WHEN run_at + retention < event_time THEN 'PASS' ELSE 'EXCEPTION' END,
    CASE WHEN NOT deletes THEN 'deletes nothing' ELSE action || coalesce(' of run ' || workflow_run_id, '') || ' by ' || coalesce(actor, 'nobody known') || CASE WHEN run_at + retention < event_time THEN ', after its retention' ELSE ', not shown to be after its retention' END END,
    event_time, proofs, [], to_json({'repo': repo, 'action': action, 'person': actor})
FROM members
