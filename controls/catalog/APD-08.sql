WITH months AS (
    SELECT CAST(unnest(generate_series(date_trunc('month', CAST(local_day($period_start) AS TIMESTAMP)), CAST(local_day($period_end - INTERVAL 1 MICROSECOND) AS TIMESTAMP), INTERVAL 1 MONTH)) AS DATE) AS first_day
), month_ends AS (
    SELECT strftime(first_day, '%Y-%m') AS month, day_start(first_day) AS starts_at, day_start(CAST(first_day + INTERVAL 1 MONTH AS DATE)) AS ends_at FROM months
    WHERE day_start(CAST(first_day + INTERVAL 1 MONTH AS DATE)) <= least($period_end, $freeze_at)
), known AS (
    SELECT mount || path AS secret, as_of, coalesce(last_vault_rotation, updated_time) AS rotated_at, max_ttl, evidence FROM vault_secret_metadata
), members AS (
    -- Each secret at each month's end, as it was last seen within the month.
    SELECT 'vault:' || k.secret || ':' || m.month AS subject, m.ends_at, max_by(k.rotated_at, k.as_of) AS rotated_at, max_by(k.max_ttl, k.as_of) AS max_ttl, list(k.evidence) AS proofs
    FROM known AS k JOIN month_ends AS m ON k.as_of >= m.starts_at AND k.as_of < m.ends_at
    GROUP BY ALL
), lives AS (
    SELECT *, coalesce(TRY_CAST(max_ttl AS DOUBLE), TRY_CAST(regexp_extract(max_ttl, '^([0-9]+)h$', 1) AS DOUBLE) * 3600, TRY_CAST(regexp_extract(max_ttl, '^([0-9]+)s$', 1) AS DOUBLE)) AS seconds
    FROM members
), exposing AS (
    -- Who read a secret without the right to: a person without a ticket, a root token, a machine beyond its paths; or who left later.
    SELECT s.secret, coalesce(s.principal, 'root') AS who, s.request_id, s.called_at, s.call_proofs,
        CASE WHEN l.terminated_at IS NOT NULL THEN l.terminated_at ELSE s.called_at END AS exposed_at
    FROM secret_accesses AS s
    LEFT JOIN leavers AS l ON l.worker_id = s.principal AND l.terminated_at > s.called_at
    WHERE s.answered AND NOT s.refused AND s.operation = 'read' AND (s.is_root OR l.worker_id IS NOT NULL
        OR (s.principal_type = 'person' AND (s.ticket IS NULL OR s.writes_code)) OR (s.principal_type = 'nhi' AND NOT s.path_allowed))
), triggers AS (
    -- One per principal and secret: the first exposing record.
    SELECT *, 'vault:' || secret || '@vault.audit:' || request_id AS subject, exposed_at + span_at('APD-08', 'P_ROTATE_EXPOSED', exposed_at) AS due FROM exposing
    WHERE exposed_at >= $period_start AND exposed_at < $period_end
    QUALIFY row_number() OVER (PARTITION BY who, secret ORDER BY called_at, request_id) = 1
), rotated AS (
    SELECT t.subject, min(k.rotated_at) FILTER (k.rotated_at > t.exposed_at) AS rotated_at, max(k.as_of) AS seen_at, list(k.evidence) AS proofs
    FROM triggers AS t JOIN known AS k ON k.secret = t.secret GROUP BY t.subject
)
SELECT 'secrets' AS population, subject, 'A' AS attribute,
    CASE WHEN seconds IS NOT NULL THEN 'NOT_APPLICABLE' WHEN rotated_at IS NULL THEN 'INDETERMINATE' WHEN rotated_at >= ends_at - span_at('APD-08', 'P_ROTATE_D', ends_at - INTERVAL 1 MICROSECOND) THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
    CASE WHEN seconds IS NOT NULL THEN 'a dynamic credential' ELSE coalesce('last rotated at ' || instant_text(rotated_at), 'its rotation is not known') END AS reason,
    ends_at - INTERVAL 1 MICROSECOND AS event_time, proofs(proofs) AS evidence, NULL::TIMESTAMPTZ AS window_end
FROM lives
UNION ALL
SELECT 'secrets', subject, 'B', CASE WHEN seconds IS NULL THEN 'NOT_APPLICABLE' WHEN to_seconds(seconds) <= span_at('APD-08', 'P_LEASE_MAX', ends_at - INTERVAL 1 MICROSECOND) THEN 'PASS' ELSE 'EXCEPTION' END,
    coalesce('lives at most ' || seconds || ' s', 'no dynamic credential'), ends_at - INTERVAL 1 MICROSECOND, proofs(proofs), NULL
FROM lives
UNION ALL
SELECT 'secrets', subject, l.letter, 'INDETERMINATE', l.missing, ends_at - INTERVAL 1 MICROSECOND, proofs(proofs), NULL
FROM lives, (VALUES ('D', 'keys of the cloud are not listed'), ('E', 'rotation jobs are judged by OPS-01')) AS l(letter, missing)
UNION ALL
SELECT 'triggers', t.subject, 'C',
    CASE WHEN r.rotated_at <= t.due THEN 'PASS' WHEN t.due > $freeze_at THEN 'NOT_APPLICABLE' WHEN r.rotated_at > t.due OR r.seen_at >= t.due THEN 'EXCEPTION' ELSE 'INDETERMINATE' END,
    'exposed to ' || t.who || ' at ' || instant_text(t.exposed_at) || coalesce('; rotated at ' || instant_text(r.rotated_at), CASE WHEN r.seen_at >= t.due THEN '; still the same at ' || instant_text(r.seen_at) ELSE '; not seen since' END),
    t.exposed_at, proofs(list_concat(t.call_proofs, coalesce(r.proofs, []))), t.due
FROM triggers AS t LEFT JOIN rotated AS r USING (subject)
