WITH members AS (
    SELECT r.*, r.repo || ':' || r.run_id || '/' || r.run_attempt AS subject, coalesce(r.ended_at, r.started_at) AS known_at, span_at('OPS-01', 'P_JOB_TICKET', r.started_at) AS ticket_span
    FROM run_attempts AS r JOIN scope_repositories AS s ON s.repo = r.repo
    WHERE r.conclusion IN ('failure', 'timed_out', 'cancelled', 'startup_failure') AND r.started_at >= $period_start AND r.started_at < $period_end
        AND (r.path IN (SELECT value FROM scope_values WHERE name IN ('deploy_workflow', 'infra_workflow', 'rollback_workflow')) OR regexp_matches(r.path, '/(cd-[^/]+|infrastructure)\.ya?ml$'))
), repeated AS (
    SELECT m.subject, bool_or(n.automatic AND coalesce(n.ended_at, n.started_at) <= m.known_at + span_at('OPS-01', 'P_JOB_RETRY', m.started_at)) AS in_time, min(n.started_at) AS at_time, min_by(n.evidence, n.started_at) AS proof
    FROM members AS m JOIN run_attempts AS n ON n.repo = m.repo AND n.path = m.path AND n.conclusion = 'success' AND n.started_at >= m.known_at AND (n.head_branch = m.head_branch OR n.run_id = m.run_id)
    GROUP BY m.subject
), ticketed AS (
    SELECT m.subject, bool_or(t.opened_at <= m.known_at + m.ticket_span) AS in_time, min(t.ticket_key) AS ticket, list(t.evidence) AS proofs,
        bool_or(regexp_matches(lower(coalesce(t.fields ->> '$.decision', t.fields ->> '$.resolution', '')), 'no.?impact') AND t.approver IS NOT NULL AND t.approver IS DISTINCT FROM t.requester) AS decided
    FROM members AS m JOIN tickets AS t ON t.opened_at >= m.started_at AND coalesce(t.scope_repo, m.repo) = m.repo
        AND coalesce(t.scope ->> '$.run', t.scope ->> '$.run_id') IN (CAST(m.run_id AS VARCHAR), m.run_id || '/' || m.run_attempt, m.subject)
    GROUP BY m.subject
), judged AS (
    SELECT m.*, coalesce(r.in_time, false) OR coalesce(t.in_time, false) AS followed, r.at_time IS NOT NULL OR coalesce(t.decided, false) AS settled,
        m.conclusion || ' at ' || instant_text(m.known_at) || coalesce('; success at ' || instant_text(r.at_time), '') || coalesce('; ticket ' || t.ticket, '') AS story,
        proofs(list_concat([m.evidence, r.proof], coalesce(t.proofs, []))) AS proofs
    FROM members AS m LEFT JOIN repeated AS r USING (subject) LEFT JOIN ticketed AS t USING (subject)
)
SELECT 'failures' AS population, subject, l.letter AS attribute,
    CASE WHEN CASE l.letter WHEN 'B' THEN followed ELSE settled END THEN 'PASS' WHEN l.letter = 'B' AND known_at + ticket_span > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END AS verdict,
    story AS reason, started_at AS event_time, proofs AS evidence, started_at AS window_start, CASE l.letter WHEN 'B' THEN known_at + ticket_span ELSE $freeze_at END AS window_end, ['gh.run', 'itsm.ticket'] AS needs
FROM judged, (VALUES ('B'), ('C')) AS l(letter)
