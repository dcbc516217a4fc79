-- Signs that a day hides grants (APD-01): somebody is in a snapshot of what grants access who was not in the one before, and no
-- record tells of the grant.
WITH snapshots AS (
    SELECT system, object, as_of, lag(as_of) OVER (PARTITION BY system, object ORDER BY as_of) AS before_at FROM (SELECT DISTINCT system, object, as_of FROM held_entitlements)
), fresh AS (
    SELECT h.system, h.object, h.principal, s.before_at, h.as_of, h.evidence, regexp_extract(h.object, '([^ ]+)$', 1) AS name
    FROM snapshots AS s JOIN held_entitlements AS h ON h.system = s.system AND h.object = s.object AND h.as_of = s.as_of
    WHERE s.before_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM held_entitlements AS b WHERE b.system = h.system AND b.object = h.object AND b.as_of = s.before_at AND b.principal = h.principal)
)
SELECT local_day(f.as_of) AS day, f.system || ' ' || f.object || ': ' || f.principal || ' is new, and nothing tells of the grant' AS reason, f.evidence
FROM fresh AS f
LEFT JOIN access_grants AS g ON g.system = f.system AND g.granted_at > f.before_at AND g.granted_at <= f.as_of AND (g.grantees IS NULL OR list_contains(g.grantees, f.principal))
    AND (f.object = 'organisation' OR any_named([f.name, split_part(f.name, '/', -1)], g.names))
WHERE g.subject IS NULL
