-- What another count says of a stream and local day: does it agree, and what was found. Where the records of a day
-- agree with themselves nothing needs to be shown; where they do not, the records show it.
SELECT stream, day, 'heartbeat' AS counted_by, missing_hours = 0 AS agrees,
    CASE WHEN missing_hours = 0 THEN 'a record or heartbeat in every hour' ELSE 'neither record nor heartbeat for ' || missing_hours || ' h' END AS found,
    evidence
FROM heartbeat_days
UNION ALL
SELECT stream, day, 'merges', false, reason, [evidence] FROM unmatched_merges
UNION ALL
SELECT 'github.branch_activity', local_day(pushed_at), 'chain', true, 'the chain of ' || repo || ' ' || branch || ' has no gap', [evidence]
FROM branch_updates WHERE NOT broken
UNION ALL
SELECT 'terraform.states', local_day(last_modified), 'serials', NOT (discontinuity LIKE 'serial%' AND serial > serial_before + 1 AND ticket IS NULL),
    coalesce(discontinuity, 'serials follow one another'), proofs
FROM state_versions WHERE discontinuity IS NULL OR discontinuity LIKE 'serial%'
UNION ALL
-- A state that is locked is written under a lock: one was taken since the version before.
SELECT 'terraform.states', local_day(v.last_modified), 'locks', bool_or(l.lock_id IS NOT NULL),
    CASE WHEN bool_or(l.lock_id IS NOT NULL) THEN 'written under a lock' ELSE 'serial ' || v.serial || ' was written without a lock' END,
    proofs(list_append(list(l.evidence), v.evidence))
FROM (
    SELECT *, lag(last_modified) OVER (PARTITION BY state ORDER BY last_modified, serial NULLS LAST, version_id) AS written_before
    FROM state_versions WHERE NOT is_delete_marker
) AS v
LEFT JOIN terraform_locks AS l ON l.path = v.state AND l.created_at <= v.last_modified
    AND (v.written_before IS NULL OR l.created_at > v.written_before)
WHERE v.state IN (SELECT path FROM terraform_locks)
GROUP BY v.state, v.version_id, v.last_modified, v.serial, v.evidence
UNION ALL
SELECT 'vault.audit', day, 'pairs', bool_and(asked AND answered),
    CASE WHEN bool_and(asked AND answered) THEN 'every call was asked and answered'
         ELSE concat_ws('; ', CASE WHEN bool_or(NOT answered) THEN count(*) FILTER (NOT answered) || ' requests without an answer' END,
             CASE WHEN bool_or(NOT asked) THEN count(*) FILTER (NOT asked) || ' answers without a request' END) END,
    proofs(list(evidence) FILTER (NOT (asked AND answered)))
FROM vault_pairs WHERE judged GROUP BY day
UNION ALL
SELECT 'kubernetes.audit', day, 'stages', bool_and(completed OR (lasting AND started)),
    CASE WHEN bool_and(completed OR (lasting AND started)) THEN 'every request that was received came to an end'
         ELSE count(*) FILTER (NOT (completed OR (lasting AND started))) || ' requests were received and never came to an end' END,
    proofs(list(evidence) FILTER (NOT (completed OR (lasting AND started))))
FROM kubernetes_stages WHERE judged GROUP BY day
