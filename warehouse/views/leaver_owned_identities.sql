-- Non-human identities that a leaver owned, and when the register first had another owner.
WITH versions AS (
    -- The register's own word for since when, else when it was first seen so.
    SELECT nhi_id, owner, collected_at, record, evidence, coalesce(instant(fields ->> '$.owner_since'), collected_at) AS since
    FROM identity_non_human
), latest AS (
    SELECT nhi_id, max_by(owner, (collected_at, record)) AS owner FROM versions GROUP BY nhi_id
)
SELECT l.worker_id, l.terminated_at, l.handover_due, v.nhi_id, l.worker_id || '/nhi:' || v.nhi_id AS subject, n.owner AS owner_now,
    CASE WHEN n.owner IS DISTINCT FROM l.worker_id THEN
        (SELECT min(x.since) FROM versions AS x WHERE x.nhi_id = v.nhi_id AND x.owner = n.owner) END AS handed_over_at,
    proofs(list_append(list(v.evidence), any_value(l.evidence))) AS evidence
FROM leavers AS l
JOIN versions AS v ON v.owner = l.worker_id
JOIN latest AS n ON n.nhi_id = v.nhi_id
GROUP BY ALL
