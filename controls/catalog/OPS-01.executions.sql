WITH days AS (
    SELECT s.schedule_id, CAST(unnest(generate_series(timezone(s.time_zone, $period_start)::DATE - INTERVAL 1 DAY, timezone(s.time_zone, $period_end)::DATE + INTERVAL 1 DAY, INTERVAL 1 DAY)) AS DATE) AS day
    FROM schedules AS s WHERE s.readable
), times AS (
    SELECT s.schedule_id, s.time_zone, d.day, unnest(s.hours) AS hour, s.minutes
    FROM schedules AS s JOIN days AS d ON d.schedule_id = s.schedule_id AND list_contains(s.months, month(d.day))
        AND CASE WHEN s.any_day THEN list_contains(s.days, day(d.day)) OR list_contains(s.weekdays, dayofweek(d.day))
                 ELSE list_contains(s.days, day(d.day)) AND list_contains(s.weekdays, dayofweek(d.day)) END
), due AS (
    SELECT *, lead(due_at, 1, 'infinity') OVER (PARTITION BY schedule_id ORDER BY due_at) AS next_at FROM (
        SELECT DISTINCT schedule_id, first_instant(day + to_hours(hour) + to_minutes(minute), time_zone) AS due_at FROM (SELECT *, unnest(minutes) AS minute FROM times))
), executions AS (
    SELECT d.*, s.owner, s.evidence, d.schedule_id || ':' || instant_text(d.due_at) AS subject, d.due_at + span_at('OPS-01', 'P_CRON_SLACK', d.due_at) AS late_at, timezone('UTC', CAST(CAST(timezone(s.time_zone, d.due_at) AS DATE) AS TIMESTAMP)) AS due_day,
        span_at('OPS-01', 'P_JOB_TICKET', d.due_at) AS ticket_span, span_at('OPS-01', 'P_JOB_RETRY', d.due_at) AS retry_span
    FROM due AS d JOIN schedules AS s ON s.schedule_id = d.schedule_id WHERE d.due_at >= $period_start AND d.due_at < $period_end
), first_runs AS (
    SELECT e.subject, r.* FROM executions AS e JOIN schedule_runs AS r ON r.schedule_id = e.schedule_id AND r.started_at >= e.due_at AND r.started_at <= e.late_at AND r.started_at < e.next_at
    QUALIFY row_number() OVER (PARTITION BY e.subject ORDER BY r.started_at) = 1
), members AS (
    SELECT e.*, f.started_at, f.outcome, f.succeeded, f.ticket, f.logical_time, f.evidence AS run_evidence, f.started_at IS NULL OR NOT f.succeeded AS trouble,
        coalesce(f.finished_at, f.started_at, e.due_at) AS known_at
    FROM executions AS e LEFT JOIN first_runs AS f USING (subject)
), repeated AS (
    SELECT m.subject, bool_or(r.automatic AND coalesce(r.finished_at, r.started_at) <= m.known_at + m.retry_span) AS in_time, min(r.started_at) AS at_time, list(r.evidence) AS proofs
    FROM members AS m JOIN schedule_runs AS r ON r.schedule_id = m.schedule_id AND r.succeeded AND r.started_at >= m.due_at
        AND CASE WHEN r.logical_time IS NULL THEN r.started_at < m.next_at ELSE coalesce(r.logical_time = m.logical_time, false) OR r.logical_time IN (m.due_at, m.due_day) END
    WHERE m.trouble GROUP BY m.subject
), ticketed AS (
    SELECT m.subject, bool_or(t.opened_at <= m.known_at + m.ticket_span) AS in_time, min(t.ticket_key) AS ticket,
        bool_or(regexp_matches(lower(coalesce(t.fields ->> '$.decision', t.fields ->> '$.resolution', '')), 'no.?impact') AND coalesce(t.fields ->> '$.decided_by', t.approver) = m.owner) AS decided, list(t.evidence) AS proofs
    FROM members AS m JOIN tickets AS t ON t.opened_at >= m.due_at AND (t.ticket_key = m.ticket OR scope_has(t.scope, m.subject) OR (scope_has(t.scope, m.schedule_id) AND t.opened_at < m.next_at))
    WHERE m.trouble GROUP BY m.subject
), judged AS (
    SELECT m.*, coalesce(r.in_time, false) OR coalesce(t.in_time, false) AS followed, r.at_time IS NOT NULL OR coalesce(t.decided, false) AS resolved,
        CASE WHEN m.started_at IS NULL THEN 'no run by ' || instant_text(m.late_at) ELSE 'run of ' || instant_text(m.started_at) || ': ' || coalesce(m.outcome, 'outcome not known') END
            || coalesce('; success at ' || instant_text(r.at_time), '') || coalesce('; ticket ' || t.ticket, '') AS story,
        proofs(list_concat([m.evidence, m.run_evidence], coalesce(r.proofs, []), coalesce(t.proofs, []))) AS proofs
    FROM members AS m LEFT JOIN repeated AS r USING (subject) LEFT JOIN ticketed AS t USING (subject)
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN started_at IS NOT NULL THEN 'PASS' WHEN followed THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END AS verdict FROM judged
    UNION ALL
    SELECT subject, 'B', CASE WHEN trouble IS NULL THEN 'INDETERMINATE' WHEN NOT trouble THEN 'NOT_APPLICABLE' WHEN followed THEN 'PASS' WHEN known_at + ticket_span > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END FROM judged
    UNION ALL
    SELECT subject, 'C', CASE WHEN trouble IS NULL THEN 'INDETERMINATE' WHEN NOT trouble THEN 'NOT_APPLICABLE' WHEN resolved THEN 'PASS' ELSE 'EXCEPTION' END FROM judged
    UNION ALL
    SELECT subject, 'D', 'INDETERMINATE' FROM judged
)
SELECT 'executions' AS population, a.subject, a.attribute, a.verdict, CASE WHEN a.attribute = 'D' THEN 'the register does not tell its changes' ELSE j.story END AS reason, j.due_at AS event_time, j.proofs AS evidence,
    j.due_at AS window_start, CASE a.attribute WHEN 'A' THEN j.late_at WHEN 'B' THEN j.known_at + j.ticket_span ELSE $freeze_at END AS window_end,
    CASE WHEN contains(j.schedule_id, '.github/workflows/') THEN ['gh.run'] ELSE ['job_run'] END || CASE WHEN a.attribute IN ('B', 'C') AND j.trouble THEN ['itsm.ticket'] ELSE [] END AS needs
FROM answers AS a JOIN judged AS j USING (subject)
UNION ALL
SELECT 'population', 'population:' || $period, '*', 'INDETERMINATE', 'the cron expression of ' || schedule_id || ' cannot be read: ' || coalesce(cron, 'none'), NULL, [evidence], NULL, NULL, []
FROM schedules WHERE NOT readable
