WITH members AS (
    SELECT * FROM drift_findings WHERE first_seen >= $period_start AND first_seen < $period_end
), answers AS (
    SELECT subject, 'B' AS attribute, CASE WHEN opened_at <= first_seen + INTERVAL 1 HOUR THEN 'PASS' WHEN first_seen + INTERVAL 1 HOUR > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END AS verdict,
        coalesce('ticket ' || ticket || ' opened at ' || instant_text(opened_at), 'no ticket names it') AS reason, first_seen + INTERVAL 1 HOUR AS until, ['itsm.ticket'] AS needs
    FROM members
    UNION ALL
    SELECT subject, 'C', CASE WHEN resolved_at <= due THEN 'PASS' WHEN due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        coalesce('gone at ' || instant_text(resolved_at), 'not gone as far as known') || '; due ' || instant_text(due), due, (SELECT list(DISTINCT source) FROM drift_runs)
    FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN version IS NOT NULL OR caused OR escalated THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN version IS NOT NULL THEN 'no run wrote ' || version WHEN caused THEN 'its ticket ' || ticket || ' states the cause' WHEN escalated THEN 'escalated with ' || ticket ELSE 'neither explained nor escalated' END, due, ['itsm.ticket', 'tf.state']
    FROM members
)
SELECT 'findings' AS population, a.subject, a.attribute, a.verdict, a.reason, m.first_seen AS event_time, m.proofs AS evidence, m.first_seen AS window_start, a.until AS window_end, a.needs,
    to_json({'workspace': m.workspace, 'address': m.address}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
