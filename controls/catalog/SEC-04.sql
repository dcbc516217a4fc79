WITH members AS (
    SELECT *, first_at + CASE WHEN rank <= 3 THEN span_at('SEC-04', 'P_FALCO_CRIT', first_at) ELSE span_at('SEC-04', 'P_TRIAGE', first_at) END AS due,
        CASE WHEN regexp_matches(outcome, '^true.?positive$') THEN incident IS NOT NULL WHEN regexp_matches(outcome, '^(benign|false.?positive)$') THEN coalesce(reason, '') <> ''
             WHEN regexp_matches(outcome, '^(tuning|rule.?tuning)$') THEN coalesce(change, '') <> '' ELSE false END AS concluded
    FROM runtime_alerts WHERE first_at >= $period_start AND first_at < $period_end
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN triaged_at <= due THEN 'PASS' WHEN due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END AS verdict,
        coalesce('triaged at ' || instant_text(triaged_at) || ' in ' || ticket, 'not triaged') || '; due at ' || instant_text(due) AS reason, ['itsm.ticket'] AS needs, due AS until FROM members
    UNION ALL
    SELECT subject, 'B', CASE WHEN triaged_at IS NULL THEN 'NOT_APPLICABLE' WHEN NOT coalesce(concluded, false) OR list_contains(actors, triager) THEN 'EXCEPTION' WHEN triager IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN triaged_at IS NULL THEN 'not triaged (A)' ELSE coalesce(outcome, 'no outcome') || ' by ' || coalesce(triager, 'somebody unknown') || coalesce('; incident ' || incident, '') || coalesce('; change ' || change, '') || coalesce('; ' || reason, '') END,
        ['itsm.ticket'], due FROM members
    UNION ALL
    SELECT subject, 'C', 'INDETERMINATE', 'no source tells the changes of the rules', [], due FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN NOT interactive THEN 'NOT_APPLICABLE' WHEN session IS NOT NULL OR incident IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN NOT interactive THEN 'tells of no shell' ELSE coalesce('session ' || session, 'incident ' || incident, 'neither a session nor an incident') END, ['k8s.audit', 'itsm.ticket'], last_at FROM members
)
SELECT 'alerts' AS population, a.subject, a.attribute, a.verdict, a.reason, m.first_at AS event_time, m.evidence, m.first_at AS window_start, greatest(a.until, m.first_at) AS window_end, a.needs
FROM answers AS a JOIN members AS m USING (subject)
