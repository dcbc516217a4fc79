WITH told AS (
    SELECT n.received_at, n.receiver, n.evidence, a.value ->> '$.fingerprint' AS fingerprint, instant(a.value ->> '$.startsAt') AS starts_at
    FROM alertmanager_notifications AS n, json_each(n.alerts) AS a
    WHERE (a.value ->> '$.labels.severity') = 'critical' AND (a.value ->> '$.status') = 'firing'
), members AS (
    -- Replicas and repeats of one alert are one.
    SELECT fingerprint, starts_at, fingerprint || '@' || instant_text(starts_at) AS subject, min(received_at) AS received_at,
        max(nullif(receiver, '')) AS receiver, list(evidence) AS proofs
    FROM told WHERE starts_at >= $period_start AND starts_at < $period_end
    GROUP BY ALL
), taken AS (
    SELECT m.subject, min(i.acknowledged_at) AS acknowledged_at, min(i.incident_id) AS incident, list(i.evidence) AS proofs
    FROM members AS m JOIN company_incidents AS i ON i.alert_fingerprint = m.fingerprint AND i.alert_starts_at = m.starts_at
    GROUP BY m.subject
), facts AS (
    SELECT m.*, t.incident, t.acknowledged_at, proofs(list_concat(m.proofs, coalesce(t.proofs, []))) AS evidence,
        coalesce(date_diff('second', m.starts_at, m.received_at) || ' s to the alert', 'not received') || coalesce(', ' || date_diff('second', m.starts_at, t.acknowledged_at) || ' s to the acknowledgement', ', never acknowledged') AS times
    FROM members AS m LEFT JOIN taken AS t USING (subject)
)
SELECT 'alerts' AS population, subject, 'A' AS attribute, CASE WHEN acknowledged_at IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END AS verdict, times AS reason,
    starts_at AS event_time, evidence
FROM facts
UNION ALL
SELECT 'alerts', subject, 'B', CASE WHEN acknowledged_at IS NULL THEN 'NOT_APPLICABLE' ELSE 'PASS' END,
    times || CASE WHEN acknowledged_at <= starts_at + span_at('OPS-05', 'P_MTTA', starts_at) THEN '' ELSE '; later than the target' END, starts_at, evidence
FROM facts
UNION ALL
SELECT 'alerts', subject, 'C', CASE WHEN receiver IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END, coalesce('routed to ' || receiver, 'no receiver'), starts_at, evidence
FROM facts
