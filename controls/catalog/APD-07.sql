WITH members AS (
    SELECT * FROM secret_accesses WHERE answered AND NOT refused AND called_at >= $period_start AND called_at < $period_end
), answers AS (
    SELECT subject, 'A' AS attribute,
        CASE WHEN is_root OR principal_type = 'person' THEN 'NOT_APPLICABLE' WHEN principal IS NULL THEN 'INDETERMINATE'
             WHEN registered AND path_allowed THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
        CASE WHEN is_root THEN 'a root token (C)' WHEN principal_type = 'person' THEN 'a person (B)' WHEN principal IS NULL THEN 'who stands behind the token is not known'
             WHEN NOT registered THEN principal || ' is not registered' WHEN path_allowed THEN path || ' is allowed to ' || principal
             ELSE path || ' is not allowed to ' || principal END AS reason, [] AS proofs
    FROM members
    UNION ALL
    SELECT subject, 'B',
        CASE WHEN is_root OR principal_type = 'nhi' THEN 'NOT_APPLICABLE' WHEN principal IS NULL THEN 'INDETERMINATE'
             WHEN ticket IS NOT NULL AND approver IS NOT NULL AND approver <> principal AND NOT writes_code THEN CASE WHEN writers_known THEN 'PASS' ELSE 'INDETERMINATE' END ELSE 'EXCEPTION' END,
        CASE WHEN is_root THEN 'a root token (C)' WHEN principal_type = 'nhi' THEN 'a machine (A)' WHEN principal IS NULL THEN 'who stands behind the token is not known'
             ELSE operation || ' of ' || path || ' by ' || principal || coalesce('; ticket ' || ticket || ' approved by ' || coalesce(approver, 'nobody'), '; no ticket covers it')
                || CASE WHEN writes_code THEN '; writes code in scope' WHEN NOT writers_known THEN '; who writes code is not known' ELSE '' END END, ticket_proofs
    FROM members
    UNION ALL
    SELECT subject, 'C', CASE WHEN is_root THEN 'EXCEPTION' WHEN policies IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN is_root THEN 'the token is root''s' WHEN policies IS NULL THEN 'the token''s policies are not known' ELSE 'no root token' END, [] FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN is_root THEN 'NOT_APPLICABLE' WHEN wildcard IS NULL THEN 'INDETERMINATE' WHEN wildcard AND principal_type IS DISTINCT FROM 'nhi' THEN 'EXCEPTION' ELSE 'PASS' END,
        CASE WHEN is_root THEN 'a root token (C)' WHEN wildcard IS NULL THEN 'the rules of its policies are not known' WHEN wildcard THEN 'a policy opens a whole mount'
             ELSE 'no policy opens a whole mount' END, policy_proofs
    FROM members
), refusals AS (
    SELECT coalesce(principal, 'vault:' || coalesce(nullif(entity_id, ''), 'unknown')) AS principal, local_day(called_at) AS day, count(*) AS times,
        min(called_at) AS first_at, flatten(list(call_proofs)) AS proofs
    FROM secret_accesses WHERE refused AND called_at >= $period_start AND called_at < $period_end
    GROUP BY ALL
), triaged AS (
    SELECT r.principal, r.day, min(t.ticket_key) AS ticket, list(t.evidence) AS proofs
    FROM refusals AS r JOIN tickets AS t ON scope_has(t.scope, r.principal) AND t.opened_at >= r.first_at
        AND t.opened_at <= r.first_at + span_at('APD-07', 'P_TRIAGE', r.first_at)
    GROUP BY ALL
)
SELECT 'accesses' AS population, a.subject, a.attribute, a.verdict, a.reason, m.called_at AS event_time, proofs(list_concat(m.call_proofs, a.proofs)) AS evidence,
    to_json({'path': m.path, 'principal': m.principal}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
UNION ALL
SELECT 'refusals', r.principal || ':' || r.day, 'E',
    CASE WHEN r.times < number_at('APD-07', 'P_VAULT_DENY', r.first_at) OR t.ticket IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
    r.times || ' requests were refused' || coalesce('; looked into with ' || t.ticket, ''), r.first_at, proofs(list_concat(r.proofs, coalesce(t.proofs, []))), NULL
FROM refusals AS r LEFT JOIN triaged AS t ON t.principal = r.principal AND t.day = r.day
UNION ALL
-- A request without its answer may have been granted.
SELECT 'population', 'population:' || local_day(called_at), '*', 'INDETERMINATE', 'requests without an answer: ' || string_agg(subject, ', ' ORDER BY subject), NULL,
    proofs(flatten(list(call_proofs))), NULL
FROM secret_accesses WHERE NOT answered AND NOT refused AND called_at >= $period_start AND called_at < $period_end
GROUP BY local_day(called_at)
