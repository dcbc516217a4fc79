WITH members AS (
    SELECT *, approved_by IN (SELECT worker_id FROM scope_people WHERE role = 'compliance_owners') AND approved_by IS DISTINCT FROM author AS authorised,
        approved_at < effective_from OR (retested_at IS NOT NULL AND disclosed_at IS NOT NULL) AS in_time
    FROM definition_versions WHERE effective_from < $period_end AND coalesce(ends_at, 'infinity') > $period_start
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN NOT coalesce(authorised, false) OR NOT in_time THEN 'EXCEPTION' WHEN author IS NULL OR in_time IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END AS verdict,
        coalesce('approved by ' || approved_by, 'no approval is recorded') || coalesce(' at ' || instant_text(approved_at), '') || '; author ' || coalesce(author, 'not recorded')
            || '; in force from ' || instant_text(effective_from) AS reason
    FROM members
    UNION ALL
    SELECT subject, 'C', CASE regression_passed WHEN true THEN 'PASS' WHEN false THEN 'EXCEPTION' ELSE 'INDETERMINATE' END,
        CASE regression_passed WHEN true THEN 'the acceptance scenarios passed' WHEN false THEN 'acceptance scenarios failed' ELSE 'no regression report is attached' END FROM members
    UNION ALL
    SELECT subject, 'D', CASE baseline_passed WHEN true THEN 'PASS' WHEN false THEN 'EXCEPTION' ELSE 'INDETERMINATE' END,
        CASE baseline_passed WHEN true THEN 'its logic was tested' WHEN false THEN 'the test of its logic failed' ELSE 'no test of its logic is recorded' END FROM members
    UNION ALL
    SELECT subject, 'E', CASE WHEN loosened IS NULL THEN 'NOT_APPLICABLE' WHEN disclosed_at IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN loosened IS NULL THEN 'nothing was narrowed' ELSE loosened || coalesce('; disclosed at ' || instant_text(disclosed_at), '; not disclosed') END FROM members
), changes AS (
    SELECT p.control, count(d.subject) AS changes, coalesce(bool_or(d.ambiguous), false) AS ambiguous, string_agg(d.subject || ' from ' || instant_text(d.effective_from), ', ' ORDER BY d.effective_from) AS what,
        list(d.evidence) AS proofs,
        (SELECT count(DISTINCT r.subject) FROM control_results AS r WHERE r.control = p.control AND r.population <> 'population' AND r.event_time IS NULL) AS undated
    FROM control_populations AS p
    LEFT JOIN definition_versions AS d ON d.control = p.control AND d.effective_from > $period_start AND d.effective_from < $period_end
    WHERE p.control NOT LIKE 'EVD-%' GROUP BY p.control
)
SELECT 'definitions' AS population, a.subject, a.attribute, a.verdict, a.reason, greatest(m.effective_from, $period_start) AS event_time, proofs([m.evidence]) AS evidence
FROM answers AS a JOIN members AS m USING (subject)
UNION ALL
SELECT 'results', 'population:' || control || ':' || $period, 'B', CASE WHEN ambiguous THEN 'EXCEPTION' WHEN changes > 0 AND undated > 0 THEN 'INDETERMINATE' ELSE 'PASS' END,
    CASE WHEN ambiguous THEN 'two versions begin at one instant: ' || what WHEN changes = 0 THEN 'one version decided about the whole period'
         WHEN undated > 0 THEN undated || ' members have no time of their own, so that no version is theirs: ' || what ELSE 'each member by the version in force at its time: ' || what END,
    NULL, proofs(proofs)
FROM changes
UNION ALL
SELECT 'population', 'population:' || $period, '*', 'INDETERMINATE', 'no version of a definition was ever received (ev.definition)', NULL, proofs([])
WHERE NOT EXISTS (FROM definition_versions)
