WITH members AS (
    SELECT *, go_live_id IS NOT NULL AS recorded FROM first_releases WHERE created_at >= $period_start AND created_at < $period_end
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN len(approvals_missing) = 0 THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
        CASE WHEN NOT recorded THEN 'no go-live record' WHEN len(approvals_missing) = 0 THEN 'approved before' ELSE 'not approved before by: ' || array_to_string(approvals_missing, ', ') END AS reason, ['golive'] AS needs FROM members
    UNION ALL
    SELECT subject, 'B', CASE WHEN len(tests_missing) = 0 THEN 'PASS' ELSE 'EXCEPTION' END, CASE WHEN len(tests_missing) = 0 THEN 'all eight tests passed or were accepted' ELSE 'not shown: tests ' || array_to_string(tests_missing, ', ') END, ['golive'] FROM members
    UNION ALL
    SELECT subject, 'C', CASE WHEN len(documents_missing) = 0 AND coalesce(trained, false) THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN len(documents_missing) = 0 THEN 'documents are there' ELSE 'missing or too old: ' || array_to_string(documents_missing, ', ') END || CASE WHEN coalesce(trained, false) THEN '' ELSE '; training is not shown' END, ['golive'] FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN NOT recorded THEN 'INDETERMINATE' WHEN migration IS NULL OR json_type(migration) = 'NULL' THEN 'NOT_APPLICABLE'
             WHEN (migration ->> '$.records_before') = (migration ->> '$.records_after') AND (migration ->> '$.hash_before') = (migration ->> '$.hash_after') AND (migration ->> '$.rollback_point') IS NOT NULL AND (migration ->> '$.signed_by') IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN NOT recorded THEN 'whether data were migrated is not known (company.go_lives)' WHEN migration IS NULL OR json_type(migration) = 'NULL' THEN 'no migration' ELSE concat_ws(' ', 'records', coalesce(migration ->> '$.records_before', '?'), 'before,', coalesce(migration ->> '$.records_after', '?'), 'after; signed by', coalesce(migration ->> '$.signed_by', 'nobody')) END, ['golive'] FROM members
    UNION ALL
    SELECT subject, 'E', CASE WHEN NOT recorded THEN 'INDETERMINATE' WHEN credentials = 0 THEN 'NOT_APPLICABLE' WHEN uses > 0 THEN 'EXCEPTION' WHEN removed THEN 'PASS' WHEN old_way_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        CASE WHEN NOT recorded THEN 'which credentials the old way had is not known (company.go_lives)' WHEN credentials = 0 THEN 'the old way had no credentials' WHEN uses > 0 THEN 'used ' || uses || ' times after ' || instant_text(old_way_due) WHEN removed THEN 'removed in time' ELSE 'not removed by ' || instant_text(old_way_due) END, ['golive', 'gh.audit'] FROM members
)
SELECT 'releases' AS population, a.subject, a.attribute, a.verdict, a.reason, m.created_at AS event_time, proofs(list_concat(m.proofs, m.record_proofs, CASE WHEN a.attribute = 'E' THEN m.use_proofs ELSE [] END)) AS evidence, a.needs,
    m.created_at AS window_start, CASE WHEN a.attribute = 'E' THEN greatest(m.old_way_due, m.created_at) ELSE m.created_at END AS window_end, to_json({'service': m.service}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
