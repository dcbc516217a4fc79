WITH open_results AS (
    SELECT control || '.' || attribute || '/' || subject AS subject, verdict, event_time FROM control_results
    WHERE verdict IN ('EXCEPTION', 'INDETERMINATE') AND population <> 'population'
), held AS (
    FROM company_waivers QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), members AS (
    SELECT h.*, a.waiver_id IS NOT NULL AS authorised, h.created_at <= h.valid_from AS in_time
    FROM held AS h LEFT JOIN authorised_waivers AS a ON a.waiver_id = h.waiver_id
    WHERE (h.valid_from < $period_end AND h.valid_to > $period_start) OR (h.created_at >= $period_start AND h.created_at < $period_end)
)
SELECT 'results' AS population, r.subject, a.letter AS attribute, 'INDETERMINATE' AS verdict, a.missing AS reason, r.event_time, [] AS evidence
FROM open_results AS r, (VALUES ('A', 'no disposition is known'), ('C', 'no evaluation is known'), ('D', 'no remediation is known')) AS a(letter, missing)
UNION ALL
SELECT 'waivers', 'waiver:' || waiver_id, 'B', CASE WHEN authorised AND in_time THEN 'PASS' ELSE 'EXCEPTION' END,
    CASE WHEN NOT in_time THEN 'signed at ' || instant_text(created_at) || ', dated back to ' || instant_text(valid_from)
         WHEN NOT authorised THEN 'not approved by an authorised person who neither asked nor benefits'
         ELSE 'approved by ' || approved_by || ' before it applied' END,
    created_at, [evidence]
FROM members
