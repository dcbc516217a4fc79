WITH members AS (
    SELECT *, list_filter(runs, lambda r: r.good) AS good, list_filter(runs, lambda r: r.perhaps) AS perhaps
    FROM state_versions WHERE last_modified >= $period_start AND last_modified < $period_end
), writers AS (
    SELECT m.subject, bool_or(coalesce(t.role_arn, t.identity_arn) IN (SELECT value FROM scope_values WHERE name = 'pipeline_role')) AS pipeline,
        string_agg(DISTINCT t.identity_arn, ', ') AS who, list(t.evidence) AS proofs
    FROM members AS m
    JOIN aws_cloudtrail AS t ON t.event_name IN ('PutObject', 'DeleteObject') AND t.version_id = m.version_id AND t.bucket || '/' || t.object_key = m.state
    GROUP BY m.subject
), answers AS (
    SELECT subject, 'A' AS attribute,
        CASE WHEN len(good) > 0 THEN 'PASS' WHEN len(perhaps) > 0 THEN 'INDETERMINATE' ELSE 'EXCEPTION' END AS verdict,
        CASE WHEN len(good) > 0 THEN 'written during ' || good[1].run
             WHEN len(runs) > 0 THEN 'written during ' || runs[1].run || ', which was not approved by an independent reviewer, bypassed a rule or ran an unmerged commit'
             ELSE 'written at ' || instant_text(last_modified) || ' with no run of the infrastructure workflow' END AS reason,
        run_proofs AS proofs
    FROM members
    UNION ALL
    SELECT subject, 'B', CASE WHEN ticket IS NOT NULL THEN 'PASS' WHEN unread THEN 'INDETERMINATE' WHEN discontinuity IS NULL THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN unread THEN 'its serial and lineage are not known' WHEN discontinuity IS NULL THEN coalesce('serial ' || serial || ' follows ' || serial_before, 'the first version that is known')
             ELSE discontinuity || coalesce('; approved by ticket ' || ticket, '; no approved ticket') END, ticket_proofs
    FROM members
    UNION ALL
    SELECT subject, 'C', 'INDETERMINATE', 'the reviewed plan is not known', run_proofs FROM members
    UNION ALL
    SELECT m.subject, 'D', CASE WHEN w.subject IS NULL THEN 'INDETERMINATE' WHEN w.pipeline THEN 'PASS' ELSE 'EXCEPTION' END,
        coalesce('written by ' || w.who, 'no access record of the bucket tells the writer'), w.proofs
    FROM members AS m LEFT JOIN writers AS w USING (subject)
    UNION ALL
    SELECT subject, 'E', 'INDETERMINATE', 'the approved plan''s resource changes are not known', run_proofs FROM members
)
SELECT 'versions' AS population, a.subject, a.attribute, a.verdict, a.reason, m.last_modified AS event_time,
    proofs(list_concat(m.proofs, coalesce(a.proofs, []))) AS evidence,
    to_json({'state': m.state, 'version': m.version_id}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
