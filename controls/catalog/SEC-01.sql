WITH dated AS (
    SELECT *, CASE grade WHEN 4 THEN first_seen + INTERVAL 24 HOUR WHEN 3 THEN first_seen + span_at('SEC-01', 'P_SLA_HIGH', first_seen)
        WHEN 2 THEN first_seen + span_at('SEC-01', 'P_SLA_MED', first_seen) WHEN 1 THEN NULL ELSE first_seen + INTERVAL 24 HOUR END AS due,
        coalesce(fixed_at, dismissed_at, 'infinity') AS gone_at
    FROM vulnerability_findings WHERE first_seen < $period_end AND coalesce(fixed_at, 'infinity') >= $period_start
), waived AS (
    SELECT d.subject, min(w.waiver_id) AS waiver, list(w.evidence) AS proofs
    FROM dated AS d
    JOIN waived_findings AS w ON w.control = 'SEC-01' AND w.finding = d.vulnerability AND coalesce(w.asset, w.repo, d.asset) = d.asset
        AND w.created_at < d.due AND w.valid_from <= d.due AND least(d.gone_at, $period_end) <= w.valid_to
    GROUP BY d.subject
), members AS (
    SELECT d.*, w.waiver, w.proofs AS waiver_proofs, d.gone_at < d.due AS in_time,
        CASE d.grade WHEN 4 THEN 'critical' WHEN 3 THEN 'high' WHEN 2 THEN 'medium' WHEN 1 THEN 'low' ELSE 'of a severity that is not known' END || ', first seen at ' || instant_text(d.first_seen)
            || CASE WHEN d.fixed_at IS NOT NULL THEN ', gone after ' || round(date_diff('minute', d.first_seen, d.fixed_at) / 60.0, 1) || ' h'
                    WHEN d.dismissed_at IS NOT NULL THEN ', dismissed at ' || instant_text(d.dismissed_at) ELSE ', still there' END AS history
    FROM dated AS d LEFT JOIN waived AS w USING (subject)
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN grade <> 4 THEN 'NOT_APPLICABLE' WHEN in_time THEN 'PASS' WHEN due > $freeze_at THEN 'NOT_APPLICABLE' WHEN grade IS NULL THEN 'INDETERMINATE' ELSE 'EXCEPTION' END AS verdict, history AS reason FROM members
    UNION ALL
    SELECT subject, 'B', CASE WHEN grade NOT IN (2, 3) THEN 'NOT_APPLICABLE' WHEN in_time THEN 'PASS' WHEN due > $freeze_at THEN 'NOT_APPLICABLE' WHEN grade IS NULL THEN 'INDETERMINATE' ELSE 'EXCEPTION' END, history FROM members
    UNION ALL
    SELECT subject, 'C', CASE WHEN waiver IS NOT NULL AND NOT in_time THEN 'PASS' ELSE 'NOT_APPLICABLE' END,
        CASE WHEN waiver IS NOT NULL AND NOT in_time THEN 'waiver ' || waiver ELSE 'gone in time, or without a waiver (A, B)' END FROM members
    UNION ALL
    SELECT subject, 'D', 'INDETERMINATE', 'no plan of action is known' FROM members
    UNION ALL
    SELECT subject, 'E',
        CASE WHEN dismissed_at IS NULL THEN 'NOT_APPLICABLE' WHEN dismisser IN (SELECT worker_id FROM scope_people WHERE role = 'security_team') THEN 'PASS' ELSE 'EXCEPTION' END,
        coalesce('dismissed by ' || dismisser, 'not dismissed') FROM members
)
SELECT 'findings' AS population, a.subject, a.attribute, a.verdict, a.reason, m.first_seen AS event_time, proofs(list_concat(m.evidence, coalesce(m.waiver_proofs, []))) AS evidence,
    to_json({'vulnerability': m.vulnerability, 'rule': m.vulnerability, 'asset': m.asset, 'package': m.package, 'repo': m.asset}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
