-- What became of the entitlements that an access review revoked or changed: the first removal, or changed grant, after it.
WITH ended AS (
    SELECT l.subject, r.removed_at AS at, r.evidence FROM access_review_lines AS l
    JOIN access_removals AS r ON r.system = l.system AND r.principal = l.person AND r.removed_at >= l.decided_at AND (r.object IS NULL OR any_named([r.object, regexp_extract(r.object, '([^ ]+)$', 1), split_part(regexp_extract(r.object, '([^ ]+)$', 1), '/', -1)], l.tokens))
    UNION ALL
    SELECT l.subject, g.granted_at, g.proofs[1] FROM access_review_lines AS l
    JOIN access_grants AS g ON g.system = l.system AND list_contains(g.grantees, l.person) AND g.granted_at >= l.decided_at AND any_named(g.names, l.tokens)
    WHERE l.decision = 'modify'
    UNION ALL
    SELECT l.subject, h.until, h.evidence FROM access_review_lines AS l
    JOIN privileged_holders AS h ON h.system = l.system AND h.principal = l.person AND h.until >= l.decided_at AND any_named([h.role], l.tokens)
    WHERE h.event OR NOT EXISTS (SELECT 1 FROM privileged_holders AS n WHERE n.system = h.system AND n.principal = h.principal AND n.role = h.role AND n.since >= h.until)
    UNION ALL
    SELECT subject, stated_end, NULL FROM access_review_lines WHERE stated_end IS NOT NULL
)
SELECT l.subject, min(e.at) AS ended_at, min_by(e.evidence, e.at) AS evidence, business_deadline(l.decided_at, number_at('APD-05', 'P_UAR_REVOKE_BD', l.decided_at)) AS due,
    l.system IN ('github', 'vault', 'kubernetes') AS observed
FROM access_review_lines AS l LEFT JOIN ended AS e USING (subject)
WHERE l.decision IN ('revoke', 'modify') AND l.decided_at IS NOT NULL
GROUP BY l.subject, l.decided_at, l.system
