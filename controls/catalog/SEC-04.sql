WITH members AS (
    SELECT *, first_at + CASE WHEN rank <= 3 THEN span_at('SEC-04', 'P_FALCO_CRIT', first_at) ELSE span_at('SEC-04', 'P_TRIAGE', first_at) END AS due
    FROM runtime_alerts WHERE first_at >= $period_start AND first_at < $period_end
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN triaged_at <= due THEN 'PASS' WHEN due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END AS verdict,
        coalesce('triaged at ' || instant_text(triaged_at) || ' in ' || ticket, 'not triaged') || '; due at ' || instant_text(due) AS reason, ['itsm.ticket'] AS needs, due AS until FROM members
    UNION ALL
    SELECT subject, 'B', CASE WHEN triaged_at IS NULL THEN 'NOT_APPLICABLE' WHEN concluded THEN 'PASS' WHEN by_nobody THEN 'INDETERMINATE' ELSE 'EXCEPTION' END,
        CASE WHEN triaged_at IS NULL THEN 'not triaged (A)' ELSE outcomes || coalesce('; incident ' || incident, '') END,
        ['itsm.ticket'], due FROM members
    UNION ALL
    SELECT subject, 'C', 'INDETERMINATE', 'no source tells the changes of the rules', [], due FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN NOT interactive THEN 'NOT_APPLICABLE' WHEN session IS NOT NULL OR incident IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN NOT interactive THEN 'tells of no shell' ELSE coalesce('session ' || session, 'incident ' || incident, 'neither a session nor an incident') END, ['k8s.audit', 'itsm.ticket'], last_at FROM members
)
SELECT 'alerts' AS population, a.subject, a.attribute, a.verdict, a.reason, m.first_at AS event_time, m.evidence, m.first_at AS window_start, greatest(a.until, m.first_at) AS window_end, a.needs
FROM answers AS a JOIN members AS m USING (subject)
