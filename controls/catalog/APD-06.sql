WITH acts AS (
    SELECT p.principal_id AS nhi_id, a.event_time AS acted_at FROM github_audit_log AS a
    JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(a.actor_id AS VARCHAR) AND p.principal_type = 'nhi'
    UNION ALL SELECT nhi_id, used_at FROM machine_uses
    UNION ALL SELECT principal, called_at FROM production_writes
), last_acts AS (
    SELECT nhi_id, max(acted_at) AS last_at FROM acts WHERE acted_at >= $period_start AND acted_at < $period_end GROUP BY nhi_id
), members AS (
    SELECT m.*, l.last_at, coalesce(regexp_matches(m.kind, '(?i)(^|\W)(pat|personal access token|static key|deploy key|ssh key)($|\W)'), false) AS static_key,
        span_at('APD-06', 'P_PAT_MAX_D', $period_end - INTERVAL 1 MICROSECOND) AS longest
    FROM machine_identities AS m LEFT JOIN last_acts AS l ON l.nhi_id = m.subject
    WHERE m.registered OR (m.seen_at >= $period_start AND m.seen_at < $period_end)
), uses AS (
    SELECT *, (coalesce(agent LIKE 'kubectl/%', false) AND NOT in_run) OR interactive OR NOT coalesce(from_its_network, true) AS by_person
    FROM machine_uses WHERE used_at >= $period_start AND used_at < $period_end
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN registered AND owned THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
        CASE WHEN NOT registered THEN 'not registered' WHEN owned THEN 'owned by ' || owner ELSE 'its owner ' || coalesce(owner, 'is not named and') || ' is not employed' END AS reason
    FROM members
    UNION ALL
    SELECT subject, 'B',
        CASE WHEN len(beyond) > 0 THEN 'EXCEPTION' WHEN grants_known THEN 'PASS' WHEN registered AND kind = 'GitHub App' THEN 'INDETERMINATE' ELSE 'NOT_APPLICABLE' END,
        CASE WHEN len(beyond) > 0 THEN 'granted but not registered: ' || array_to_string(list_sort(beyond), ', ') WHEN grants_known THEN 'granted within what is registered'
             WHEN registered AND kind = 'GitHub App' THEN 'no list of installations has it' ELSE 'no grants of this kind are listed' END
    FROM members
    UNION ALL
    SELECT subject, 'C', CASE WHEN registered AND kind IS NULL THEN 'INDETERMINATE' WHEN NOT static_key THEN 'NOT_APPLICABLE' WHEN expires_at <= created_at + longest THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN registered AND kind IS NULL THEN 'the register does not say what kind it is' WHEN NOT static_key THEN 'no personal token or static key' WHEN expires_at IS NULL THEN 'it never expires' ELSE 'expires at ' || instant_text(expires_at) END
    FROM members
    UNION ALL
    SELECT subject, 'F', CASE WHEN NOT registered THEN 'NOT_APPLICABLE' WHEN owner_left_at IS NOT NULL AND last_at > owner_left_at THEN 'EXCEPTION' ELSE 'PASS' END,
        CASE WHEN NOT registered THEN 'not registered (A)' WHEN owner_left_at IS NOT NULL AND last_at > owner_left_at THEN 'used at ' || instant_text(last_at) || ', after its owner had left'
             ELSE 'not used after its owner had left' END
    FROM members
)
SELECT 'identities' AS population, a.subject, a.attribute, a.verdict, a.reason, NULL::TIMESTAMPTZ AS event_time, m.proofs AS evidence,
    CASE WHEN a.attribute = 'B' AND NOT m.grants_known THEN [] ELSE NULL END AS needs
FROM answers AS a JOIN members AS m USING (subject)
UNION ALL
SELECT 'uses', subject, 'D',
    CASE WHEN impersonator IS NOT NULL THEN 'NOT_APPLICABLE' WHEN by_person THEN 'EXCEPTION' WHEN from_its_network IS NULL AND NOT in_run AND (networks IS NOT NULL OR agent IS NULL) THEN 'INDETERMINATE' ELSE 'PASS' END,
    what || coalesce(' from ' || source_ip, '') || coalesce(' by ' || agent, '') || CASE WHEN NOT coalesce(from_its_network, true) THEN '; not its network' ELSE '' END,
    used_at, evidence, []
FROM uses
UNION ALL
SELECT 'uses', subject, 'E', CASE WHEN impersonator IS NULL OR ticket IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
    coalesce(impersonator || ' acted as it' || coalesce('; break-glass ' || ticket, ''), 'no impersonation'), used_at, evidence, []
FROM uses
