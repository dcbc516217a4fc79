WITH days AS (
    SELECT CAST(unnest(generate_series(CAST(local_day($period_start) AS TIMESTAMP), CAST(local_day(least($period_end, $freeze_at) - INTERVAL 1 MICROSECOND) AS TIMESTAMP), INTERVAL 1 DAY)) AS DATE) AS day
), services AS (
    SELECT service, day FROM scope_repositories, days WHERE image IS NOT NULL AND service IS NOT NULL UNION SELECT workload, day FROM running_containers JOIN days USING (day)
), members AS (
    SELECT s.service, s.day, s.service || ':' || s.day AS subject, day_start(s.day) AS starts_at, coalesce(f.seen, 0) AS seen, coalesce(f.up, 0) AS up, f.target_proofs, f.rule_proofs,
        coalesce(f.seen > 0 AND f.up >= f.seen * number_at('OPS-04', 'P_TARGET_UP', day_start(s.day)), false) AS scraped,
        list_filter(['availability', 'error rate', 'latency', 'saturation', 'watchdog'], lambda k: NOT list_contains(coalesce(f.kinds, []), k)) AS lacking
    FROM services AS s LEFT JOIN service_days AS f ON f.service = s.service AND f.day = s.day
), stretched AS (
    SELECT *, scraped AND len(lacking) = 0 AS covered,
        date_diff('day', coalesce(max(CASE WHEN scraped AND len(lacking) = 0 THEN day END) OVER past, min(day) OVER past - 1), day) AS uncovered
    FROM members WINDOW past AS (PARTITION BY service ORDER BY day)
)
SELECT 'coverage' AS population, subject, 'A' AS attribute, CASE WHEN scraped THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
    CASE WHEN seen = 0 THEN 'no scrape target' ELSE up || ' of ' || seen || ' observations were up' END AS reason, starts_at AS event_time, coalesce(target_proofs, []) AS evidence, ['prom.target'] AS needs
FROM stretched
UNION ALL
SELECT 'coverage', subject, l.letter, 'INDETERMINATE', l.missing, starts_at, [], [] FROM stretched, (VALUES ('B', 'no source tells of log documents per service'), ('C', 'no source tells of traces')) AS l(letter, missing)
UNION ALL
SELECT 'coverage', subject, 'D', CASE WHEN len(lacking) = 0 THEN 'PASS' ELSE 'EXCEPTION' END, CASE WHEN len(lacking) = 0 THEN 'every minimum rule is evaluated' ELSE 'missing or failing: ' || array_to_string(lacking, ', ') END,
    starts_at, coalesce(rule_proofs, []), ['prom.rule'] FROM stretched
UNION ALL
SELECT 'coverage', subject, 'E', CASE WHEN uncovered > number_at('OPS-04', 'P_COV_GRACE', starts_at) THEN 'EXCEPTION' ELSE 'PASS' END,
    CASE WHEN covered THEN 'covered' ELSE 'not covered for ' || uncovered || ' days' END, starts_at, list_concat(coalesce(target_proofs, []), coalesce(rule_proofs, [])), ['prom.target', 'prom.rule'] FROM stretched
