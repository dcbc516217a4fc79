-- Falco alerts of production at Warning or above, grouped by rule, pod and hour, each with the interactive access that it
-- may tell of, the tickets and the incidents that name rule and pod. `rank`: 1 Emergency … 5 Warning.
WITH alerts AS (
    SELECT *, coalesce(pod, container_id, hostname) AS place, date_trunc('hour', event_time) AS hour,
        list_position(['emergency', 'alert', 'critical', 'error', 'warning'], lower(priority)) AS rank, coalesce(CAST(tags AS VARCHAR), '') || rule AS words
    FROM falco_alerts
    WHERE row_status = 'first' AND (namespace IN (SELECT namespace FROM scope_namespaces) OR namespace IS NULL)
), grouped AS (
    SELECT rule || '/' || place || '/' || instant_text(hour) AS subject, rule, place AS pod, hour, min(rank) AS rank, min(event_time) AS first_at, max(event_time) AS last_at, count(*) AS alerts,
        bool_or(regexp_matches(words, '(?i)shell|exec|terminal|attach')) AS interactive, list_filter(list_distinct(list(user_name)), lambda u: u IS NOT NULL) AS users, list(evidence) AS proofs
    FROM alerts WHERE rank > 0 GROUP BY rule, place, hour
), sessions AS (
    SELECT g.subject, min(a.subject) AS session, list(DISTINCT a.principal) AS actors, list(a.proofs[1]) AS proofs
    FROM grouped AS g JOIN interactive_accesses AS a ON a.pod = g.pod AND a.called_at <= g.last_at + span_at('SEC-04', 'P_CLOCK_SKEW', g.first_at)
        AND a.ended_at >= g.first_at - span_at('SEC-04', 'P_CLOCK_SKEW', g.first_at)
    GROUP BY g.subject
), named AS (
    SELECT g.subject, list(DISTINCT p.principal_id) AS actors FROM grouped AS g
    JOIN principals AS p ON p.system = 'kubernetes' AND list_contains(list_transform(g.users, lambda u: lower(u)), p.account_key) GROUP BY g.subject
), acting AS (
    SELECT g.*, s.session, list_distinct(list_concat(coalesce(s.actors, []), coalesce(n.actors, []))) AS actors, coalesce(s.proofs, []) AS session_proofs
    FROM grouped AS g LEFT JOIN sessions AS s ON s.subject = g.subject LEFT JOIN named AS n ON n.subject = g.subject
), outcomes AS (
    SELECT g.subject, t.opened_at, t.ticket_key, t.incident, t.evidence, coalesce(t.fields ->> '$.triager', t.approver) AS triager, lower(t.fields ->> '$.outcome') AS outcome,
        list_contains(g.actors, coalesce(t.fields ->> '$.triager', t.approver)) AS by_actor,
        coalesce(CASE WHEN regexp_matches(lower(t.fields ->> '$.outcome'), '^true.?positive$') THEN t.incident IS NOT NULL
            WHEN regexp_matches(lower(t.fields ->> '$.outcome'), '^(benign|false.?positive)$') THEN coalesce(t.fields ->> '$.reason', '') <> ''
            WHEN regexp_matches(lower(t.fields ->> '$.outcome'), '^(rule.?)?tuning$') THEN coalesce(t.fields ->> '$.change', '') <> '' END, false) AS concluded
    FROM acting AS g JOIN tickets AS t ON scope_has(t.scope, g.rule) AND scope_has(t.scope, g.pod) AND t.opened_at >= g.first_at - span_at('SEC-04', 'P_CLOCK_SKEW', g.first_at)
        AND coalesce(instant(t.scope ->> '$.hour') = g.hour, t.opened_at < g.first_at + INTERVAL 7 DAY)
), triaged AS (
    SELECT subject, min(opened_at) AS triaged_at, min(ticket_key) AS ticket, max(incident) AS incident, list(evidence) AS proofs,
        bool_or(concluded AND by_actor = false) AS concluded, bool_or(concluded AND by_actor IS NULL) AS by_nobody,
        string_agg(coalesce(outcome, 'no outcome') || ' by ' || coalesce(triager, 'somebody unknown'), ', ' ORDER BY opened_at, ticket_key) AS outcomes
    FROM outcomes GROUP BY subject
)
SELECT g.*, t.triaged_at, t.ticket, t.incident, t.concluded, t.by_nobody, t.outcomes, proofs(list_concat(g.proofs, g.session_proofs, coalesce(t.proofs, []))) AS evidence
FROM acting AS g LEFT JOIN triaged AS t ON t.subject = g.subject
