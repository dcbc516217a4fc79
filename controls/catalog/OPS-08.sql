WITH members AS (
    SELECT s.stream, d.day FROM (
        SELECT DISTINCT stream FROM heartbeat_days UNION SELECT stream FROM known_streams WHERE stream IN ('github.audit_log', 'vault.audit', 'kubernetes.audit')
    ) AS s, (SELECT CAST(unnest(generate_series(CAST(local_day($period_start) AS TIMESTAMP),
        CAST(local_day(least($period_end, $freeze_at) - INTERVAL 1 MICROSECOND) AS TIMESTAMP), INTERVAL 1 DAY)) AS DATE) AS day) AS d
), days AS (
    SELECT m.stream || ':' || m.day AS subject, day_start(m.day) AS starts_at, p.status, p.reason, h.missing_hours, coalesce(s.disproved, false) AS heard,
        proofs(list_concat(coalesce(p.evidence, []), coalesce(h.evidence, []))) AS proofs
    FROM members AS m
    LEFT JOIN partition_days AS p ON p.stream = m.stream AND p.day = m.day
    LEFT JOIN heartbeat_days AS h ON h.stream = m.stream AND h.day = m.day
    LEFT JOIN silence_days AS s ON s.stream = m.stream AND s.day = m.day
), changes AS (
    SELECT 'github.audit_log:' || document_id AS subject, event_time AS told_at, 'github' AS system, action AS what, actor_id, [evidence] AS proofs
    FROM github_audit_log
    WHERE row_status = 'first' AND (regexp_matches(action, '^audit_log_streaming\.(destroy|update|disable)') OR action IN ('checks.delete_logs', 'workflows.delete_workflow_run'))
    UNION ALL
    SELECT 'vault.audit:' || request_id, called_at, 'vault', operation || ' ' || path, NULL, proofs
    FROM vault_calls WHERE (path = 'sys/audit' OR path LIKE 'sys/audit/%') AND operation IN ('delete', 'update', 'create') AND NOT refused
), covered AS (
    SELECT c.subject, min(t.ticket_key) AS ticket, list(t.evidence) AS proofs
    FROM changes AS c
    JOIN tickets AS t ON t.scope_system = c.system AND t.approved_at <= c.told_at AND coalesce(t.valid_to, t.closed_at, t.approved_at + INTERVAL 7 DAY) >= c.told_at
        AND t.approver <> t.requester
    GROUP BY c.subject
)
SELECT 'logs' AS population, subject, 'A' AS attribute,
    CASE WHEN status = 'missing' OR missing_hours > 0 THEN 'EXCEPTION' WHEN heard THEN 'PASS' ELSE 'INDETERMINATE' END AS verdict,
    CASE WHEN status IS NULL THEN 'nothing says that it was collected' WHEN status = 'missing' THEN reason WHEN missing_hours > 0 THEN 'neither record nor heartbeat for ' || missing_hours || ' h'
         WHEN heard THEN 'heard in every hour' ELSE 'no heartbeat tells of the hours without a record' END AS reason, starts_at AS event_time, proofs AS evidence
FROM days
UNION ALL
SELECT 'logs', subject, l.letter, 'INDETERMINATE', l.missing, starts_at, proofs
FROM days, (VALUES ('B', 'native retention is not known'), ('C', 'archive retention is tested by EVD-03'), ('E', 'no search test is known')) AS l(letter, missing)
UNION ALL
SELECT 'events', c.subject, 'D', CASE WHEN k.ticket IS NULL THEN 'EXCEPTION' ELSE 'PASS' END, c.what || coalesce('; ticket ' || k.ticket, '; no approved ticket'), c.told_at,
    proofs(list_concat(c.proofs, coalesce(k.proofs, [])))
FROM changes AS c LEFT JOIN covered AS k USING (subject)
WHERE c.told_at >= $period_start AND c.told_at < $period_end
