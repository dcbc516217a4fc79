-- Non-human identities (APD-06): those of the register, and machines that acted in production or on GitHub without being in
-- it. `beyond`: permissions that an installation was granted beyond the registered ones; a level that is not known is beyond all.
WITH granted AS (
    SELECT 'gh-app:' || i.app_slug AS nhi_id, i.as_of, g.key AS permission, g.value ->> '$' AS level, i.evidence
    FROM github_app_installations AS i, json_each(i.permissions) AS g
), levels AS (
    SELECT * FROM (VALUES ('none', 0), ('read', 1), ('write', 2), ('admin', 3)) AS l(level, rank)
), compared AS (
    SELECT n.nhi_id, min(g.as_of) AS seen_at, list_distinct(list(g.permission || ':' || g.level) FILTER (coalesce(l.rank, 9) > coalesce(r.rank, 0))) AS beyond, list(g.evidence) AS proofs
    FROM non_human_identities AS n
    JOIN granted AS g ON g.nhi_id = n.nhi_id
    LEFT JOIN levels AS l ON l.level = g.level
    LEFT JOIN levels AS r ON r.level = (n.scopes ->> ('$."' || g.permission || '"'))
    GROUP BY n.nhi_id
), strangers AS (
    SELECT 'github:' || actor_id AS nhi_id, min(event_time) AS seen_at, list(evidence) AS proofs
    FROM github_audit_log AS a
    WHERE actor_is_bot AND actor_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM principals AS p WHERE p.system = 'github' AND p.account_key = CAST(a.actor_id AS VARCHAR))
    GROUP BY actor_id
    UNION ALL
    SELECT 'kubernetes:' || w.effective_user, min(w.called_at), flatten(list(w.proofs))
    FROM production_writes AS w
    WHERE w.by_system AND w.nhi_kind IS NULL AND w.effective_user LIKE 'system:serviceaccount:%'
    GROUP BY w.effective_user
)
SELECT n.nhi_id AS subject, n.kind, n.owner, true AS registered, n.created_at, n.expires_at, w.worker_id IS NOT NULL AND w.terminated_at IS NULL AS owned,
    w.terminated_at AS owner_left_at, c.beyond, c.seen_at, c.nhi_id IS NOT NULL AS grants_known, proofs(list_concat([n.evidence, w.evidence], coalesce(c.proofs, []))) AS proofs
FROM non_human_identities AS n
LEFT JOIN workers AS w ON w.worker_id = n.owner
LEFT JOIN compared AS c ON c.nhi_id = n.nhi_id
UNION ALL
SELECT nhi_id, NULL, NULL, false, NULL, NULL, false, NULL, NULL, seen_at, false, proofs(proofs) FROM strangers
