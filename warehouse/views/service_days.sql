-- Services of production by the days on which the monitoring was observed: how many of the observations of their scrape
-- targets were up, and which of the minimum alert rules were there and evaluated without error. A rule without a service
-- in its labels is one for all.
WITH targets AS (
    SELECT coalesce(labels ->> '$.service', labels ->> '$.app', labels ->> '$.job') AS service, local_day(as_of) AS day, count(*) AS seen, count(*) FILTER (health = 'up') AS up, list(evidence) AS proofs
    FROM prometheus_targets GROUP BY ALL
), rules AS (
    SELECT local_day(as_of) AS day, name, query, labels ->> '$.service' AS service, evidence,
        coalesce(labels ->> '$.sli', CASE WHEN regexp_matches(name, '(?i)watchdog') THEN 'watchdog' WHEN regexp_matches(name || ' ' || coalesce(query, ''), '(?i)latency|duration|response_?time|p9\d') THEN 'latency'
            WHEN regexp_matches(name || ' ' || coalesce(query, ''), '(?i)error|5xx|fail') THEN 'error rate' WHEN regexp_matches(name || ' ' || coalesce(query, ''), '(?i)saturat|cpu|memory|disk|throttl|queue') THEN 'saturation'
            WHEN regexp_matches(name || ' ' || coalesce(query, ''), '(?i)avail|absent|down|\bup\b|uptime') THEN 'availability' END) AS kind
    FROM prometheus_rules WHERE rule_type IS DISTINCT FROM 'recording' AND health = 'ok'
), services AS (
    SELECT service FROM scope_repositories WHERE image IS NOT NULL AND service IS NOT NULL
), covered AS (
    SELECT s.service, r.day, list(DISTINCT r.kind) AS kinds, list(r.evidence) AS proofs
    FROM (SELECT service FROM services UNION SELECT service FROM targets) AS s JOIN rules AS r ON r.kind IS NOT NULL AND (r.service = s.service OR (r.service IS NULL AND (r.kind = 'watchdog' OR NOT EXISTS (
        SELECT 1 FROM services AS o WHERE o.service <> s.service AND contains(r.query, o.service)))))
    GROUP BY ALL
)
SELECT coalesce(t.service, c.service) AS service, coalesce(t.day, c.day) AS day, coalesce(t.seen, 0) AS seen, coalesce(t.up, 0) AS up, coalesce(c.kinds, []) AS kinds,
    proofs(coalesce(t.proofs, [])) AS target_proofs, proofs(coalesce(c.proofs, [])) AS rule_proofs
FROM targets AS t FULL JOIN covered AS c ON c.service = t.service AND c.day = t.day
WHERE coalesce(t.service, c.service) IS NOT NULL
