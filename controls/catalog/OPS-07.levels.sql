WITH months AS (
    SELECT month, strftime(month, '%Y-%m') AS name, day_start(month) AS starts_at, day_start(month + INTERVAL 1 MONTH) AS ends_at
    FROM (SELECT CAST(unnest(generate_series(date_trunc('month', CAST(local_day($period_start) AS TIMESTAMP)), CAST(local_day($period_end) AS TIMESTAMP), INTERVAL 1 MONTH)) AS DATE) AS month)
    WHERE day_start(month) >= $period_start AND day_start(month + INTERVAL 1 MONTH) <= least($period_end, $freeze_at)
), members AS (
    SELECT r.service || ':' || m.name AS subject, r.service, m.starts_at, m.ends_at, l.samples, l.measure, l.availability, l.covered, l.failed_at, l.evidence
    FROM (SELECT DISTINCT service FROM scope_repositories WHERE image IS NOT NULL AND service IS NOT NULL) AS r CROSS JOIN months AS m LEFT JOIN service_months AS l ON l.service = r.service AND l.month = m.month
), frozen AS (
    SELECT m.subject, min(f.freeze_id) AS freeze, list(f.evidence) AS proofs FROM members AS m
    JOIN company_freezes AS f ON (f.services IS NULL OR list_contains(CAST(f.services AS JSON)::VARCHAR[], m.service)) AND coalesce(f.ends_at, 'infinity') > m.failed_at AND f.starts_at < m.ends_at + INTERVAL 1 MONTH
    WHERE m.availability < 0.999 GROUP BY m.subject
)
SELECT 'levels' AS population, subject, 'A' AS attribute, CASE WHEN samples IS NULL THEN 'EXCEPTION' ELSE 'PASS' END AS verdict,
    coalesce('available: ' || round(availability * 100, 3) || ' % by ' || measure || ' in ' || samples || ' samples, which cover ' || round(covered * 100, 1) || ' % of the month', 'not measured') AS reason,
    starts_at AS event_time, coalesce(evidence, []) AS evidence, starts_at AS window_start, ends_at - INTERVAL 1 MICROSECOND AS window_end, ['prom.range'] AS needs, to_json({'subject': subject, 'service': service}) AS covers
FROM members
UNION ALL
SELECT 'levels', subject, 'D', CASE WHEN samples IS NULL THEN 'INDETERMINATE' WHEN availability >= 0.999 THEN 'NOT_APPLICABLE' WHEN f.freeze IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
    CASE WHEN samples IS NULL THEN 'not measured' WHEN availability >= 0.999 THEN 'the error budget was not used up' ELSE coalesce('used up; freeze ' || f.freeze, 'used up; no freeze followed') END,
    starts_at, proofs(list_concat(coalesce(m.evidence, []), coalesce(f.proofs, []))), starts_at, ends_at - INTERVAL 1 MICROSECOND, ['prom.range', 'cal.freeze'], to_json({'subject': subject, 'service': service})
FROM members AS m LEFT JOIN frozen AS f USING (subject)
