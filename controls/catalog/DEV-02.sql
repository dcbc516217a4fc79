WITH members AS (
    SELECT * FROM environment_months WHERE starts_at >= $period_start AND ends_at <= $period_end AND ends_at <= $freeze_at
), links AS (
    SELECT m.subject, string_agg(l.what || CASE WHEN m.production THEN ' (' || l.environment || ')' ELSE '' END, '; ' ORDER BY l.what) FILTER (l.kind = 'shared') AS shared, string_agg(l.what, '; ' ORDER BY l.what) FILTER (l.kind = 'path' AND l.ticket IS NULL) AS paths,
        string_agg(l.what || ', ticket ' || l.ticket, '; ' ORDER BY l.what) FILTER (l.kind = 'path') AS approved, flatten(list(l.proofs)) AS proofs
    FROM members AS m JOIN environment_links AS l ON l.month = m.month AND (m.production OR l.environment = m.environment) GROUP BY m.subject
), copies AS (
    SELECT m.subject, count(*) AS copies, count(*) FILTER (len(s.foreign_accounts) > 0 AND NOT s.masked) AS bad, string_agg(DISTINCT array_to_string(s.foreign_accounts, ', '), ', ') AS accounts, flatten(list(s.proofs)) AS proofs
    FROM members AS m JOIN shared_snapshots AS s ON s.event_time >= m.starts_at AND s.event_time < m.ends_at GROUP BY m.subject
), reads AS (
    SELECT m.subject, count(*) AS times, string_agg(DISTINCT r.principal, ', ') AS who, flatten(list(r.proofs)) AS proofs
    FROM members AS m JOIN foreign_secret_reads AS r ON r.called_at >= m.starts_at AND r.called_at < m.ends_at AND (m.production OR r.environment = m.environment) GROUP BY m.subject
), answers AS (
    SELECT m.subject, 'A' AS attribute, CASE WHEN l.shared IS NULL THEN 'PASS' ELSE 'EXCEPTION' END AS verdict, coalesce(l.shared, 'nothing shared is known') AS reason, l.proofs, CASE WHEN l.shared IS NULL THEN ['tf.state', 'vault.policy', 'secret.digest'] ELSE [] END AS needs FROM members AS m LEFT JOIN links AS l USING (subject)
    UNION ALL
    SELECT m.subject, 'B', CASE WHEN l.paths IS NULL THEN 'PASS' ELSE 'EXCEPTION' END, coalesce(l.paths, l.approved, 'no path is known'), l.proofs, CASE WHEN l.paths IS NULL THEN ['tf.state'] ELSE ['itsm.ticket'] END FROM members AS m LEFT JOIN links AS l USING (subject)
    UNION ALL
    SELECT m.subject, 'C', CASE WHEN NOT m.production THEN 'NOT_APPLICABLE' WHEN c.bad > 0 THEN 'EXCEPTION' ELSE 'PASS' END, CASE WHEN NOT m.production THEN 'asked of production' WHEN c.bad > 0 THEN 'shared without masking with ' || c.accounts ELSE coalesce(c.copies, 0) || ' snapshots shared' END,
        c.proofs, CASE WHEN c.bad > 0 THEN ['job_run'] ELSE ['ct.event'] END FROM members AS m LEFT JOIN copies AS c USING (subject)
    UNION ALL
    SELECT m.subject, 'D', CASE WHEN r.times > 0 THEN 'EXCEPTION' ELSE 'PASS' END, coalesce(r.times || ' reads of production''s secrets by ' || r.who, 'no read of production''s secrets'), r.proofs, CASE WHEN r.times > 0 THEN [] ELSE ['vault.audit', 'nhi', 'identity_link'] END FROM members AS m LEFT JOIN reads AS r USING (subject)
)
SELECT 'environments' AS population, a.subject, a.attribute, a.verdict, a.reason, m.starts_at AS event_time, proofs(list_concat(m.proofs, coalesce(a.proofs, []))) AS evidence, a.needs, m.starts_at AS window_start, m.ends_at - INTERVAL 1 SECOND AS window_end,
    to_json({'environment': m.environment}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
