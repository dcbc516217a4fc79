WITH members AS (
    SELECT *, 'population:' || control || ':' || $period AS subject FROM control_populations WHERE control NOT LIKE 'EVD-%'
)
SELECT 'populations' AS population, subject, 'F' AS attribute, CASE WHEN outside = 0 THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
    CASE WHEN outside = 0 THEN 'every dated member lies within the period' ELSE outside || ' members lie outside the period' END AS reason,
    NULL::TIMESTAMPTZ AS event_time, [] AS evidence
FROM members
UNION ALL
SELECT 'populations', subject, 'G', CASE WHEN members > 0 THEN 'NOT_APPLICABLE' WHEN verdict = 'NOT_APPLICABLE' THEN 'PASS' ELSE 'INDETERMINATE' END,
    CASE WHEN members > 0 THEN 'not empty' ELSE reason END, NULL, []
FROM members
