WITH open_results AS (
    SELECT control || '.' || attribute || '/' || subject AS subject, verdict, event_time FROM control_results
    WHERE verdict IN ('EXCEPTION', 'INDETERMINATE') AND population <> 'population'
), members AS (
    SELECT h.*, coalesce(h.created_at <= h.valid_from, false) AS in_time, coalesce(h.valid_from < h.valid_to, false) AS bounded,
        coalesce(json_type(h.scope) = 'OBJECT' AND h.scope <> '{}', false) AS scoped
    FROM waivers AS h
    WHERE h.valid_from IS NULL OR h.valid_to IS NULL OR (h.valid_from < $period_end AND h.valid_to > $period_start) OR (h.created_at >= $period_start AND h.created_at < $period_end)
)
SELECT 'results' AS population, r.subject, a.letter AS attribute, 'INDETERMINATE' AS verdict, a.missing AS reason, r.event_time, [] AS evidence
FROM open_results AS r, (VALUES ('A', 'no disposition is known'), ('C', 'no evaluation is known'), ('D', 'no remediation is known')) AS a(letter, missing)
UNION ALL
SELECT 'waivers', 'waiver:' || waiver_id, 'B', CASE WHEN independent AND in_time AND bounded AND scoped AND missed_at IS NULL THEN 'PASS' ELSE 'EXCEPTION' END,
    CASE WHEN missed_at IS NOT NULL THEN 'claims to be of ' || instant_text(created_at) || '; it was not there at ' || instant_text(missed_at) || ', seen first at ' || instant_text(recorded_at)
         WHEN NOT bounded THEN 'it does not say from when to when it is valid' WHEN NOT scoped THEN 'it does not say what it covers'
         WHEN created_at IS NULL THEN 'it does not say when it was signed' WHEN NOT in_time THEN 'signed at ' || instant_text(created_at) || ', dated back to ' || instant_text(valid_from)
         WHEN independent IS DISTINCT FROM true THEN 'not approved by an authorised person who neither asked nor benefits'
         ELSE 'approved by ' || approved_by || ' before it applied' END,
    created_at, [evidence]
FROM members
