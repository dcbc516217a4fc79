WITH days AS (
    SELECT b.repo, b.branch, CAST(unnest(generate_series(CAST(local_day($period_start) AS TIMESTAMP),
        CAST(local_day(least($period_end, $freeze_at) - INTERVAL 1 MICROSECOND) AS TIMESTAMP), INTERVAL 1 DAY)) AS DATE) AS day
    FROM scope_branches AS b
), members AS (
    SELECT d.* FROM days AS d JOIN scope_repositories AS s ON s.repo = d.repo
    WHERE (s.valid_from IS NULL OR s.valid_from < day_start(d.day + 1)) AND (s.valid_to IS NULL OR day_start(d.day) < s.valid_to)
), seen AS (
    SELECT repo, branch, day, list_sort(list_distinct(flatten(list(failing)))) AS failing, list_sort(list_distinct(flatten(list(unknown)))) AS unknown,
        list_sort(list_distinct(flatten(list(missing) FILTER (len(unknown) > 0)))) AS missing, flatten(list(evidence)) AS proofs
    FROM protection_snapshots GROUP BY ALL
), first_deployments AS (
    SELECT repo, min(created_at) AS first_at FROM github_deployments
    WHERE environment IN (SELECT environment FROM scope_environments) GROUP BY repo
), young AS (
    -- Repositories that appeared in the period, on the day of their first production deployment.
    SELECT f.repo, local_day(f.first_at) AS day, f.first_at, any_value(a.evidence) AS evidence,
        (SELECT max(s.as_of) FROM protection_snapshots AS s WHERE s.repo = f.repo AND s.as_of <= f.first_at AND s.failing = [] AND s.unknown = []) AS good_at,
        EXISTS (SELECT 1 FROM protection_snapshots AS s WHERE s.repo = f.repo AND s.as_of <= f.first_at AND s.failing = [] AND s.unknown <> []) AS perhaps
    FROM first_deployments AS f
    JOIN github_audit_log AS a ON a.repo = f.repo AND a.action IN ('repo.create', 'repo.transfer')
        AND a.event_time >= $period_start AND a.event_time <= f.first_at
    GROUP BY ALL
)
SELECT 'settings' AS population, m.repo || ':' || m.branch || ':' || m.day AS subject, 'A' AS attribute,
    CASE WHEN s.repo IS NULL OR s.failing <> [] THEN 'EXCEPTION' WHEN s.unknown <> [] THEN 'INDETERMINATE' ELSE 'PASS' END AS verdict,
    CASE WHEN s.repo IS NULL THEN 'no settings of the day: neither ruleset nor branch protection was there'
         WHEN s.failing <> [] THEN array_to_string(s.failing, '; ')
         WHEN s.unknown <> [] THEN 'not told: ' || coalesce(nullif(array_to_string(s.missing, ', '), ''), 'a parameter of a rule') || '; so perhaps: ' || array_to_string(s.unknown, '; ')
         ELSE 'all required settings are on' END AS reason,
    day_start(m.day) AS event_time, proofs(s.proofs) AS evidence
FROM members AS m LEFT JOIN seen AS s ON s.repo = m.repo AND s.branch = m.branch AND s.day = m.day
UNION ALL
SELECT 'settings', m.repo || ':' || m.branch || ':' || m.day, 'E',
    CASE WHEN y.repo IS NULL THEN 'NOT_APPLICABLE' WHEN y.good_at IS NOT NULL THEN 'PASS' WHEN y.perhaps THEN 'INDETERMINATE' ELSE 'EXCEPTION' END,
    CASE WHEN y.repo IS NULL THEN 'no first production deployment of a new repository on this day'
         WHEN y.good_at IS NOT NULL THEN 'the required settings were on at ' || instant_text(y.good_at) || ', before the first deployment'
         WHEN y.perhaps THEN 'the source did not say all of the settings before the first production deployment'
         ELSE 'the required settings were not seen before the first production deployment' END,
    day_start(m.day), proofs([y.evidence])
FROM members AS m LEFT JOIN young AS y ON y.repo = m.repo AND y.day = m.day
