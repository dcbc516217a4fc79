-- Accounts that were a leaver's at the termination, and when each was disabled. Accounts behind single sign-on end with
-- the sign-on account; a git address is no account to disable; a GitHub account ends with its membership.
WITH held AS (
    SELECT l.*, p.system, p.account_key, p.stated_key, p.method, p.evidence AS link_evidence
    FROM leavers AS l
    JOIN principals AS p ON p.principal_id = l.worker_id AND p.valid_from <= l.terminated_at
        AND (p.valid_to IS NULL OR p.valid_to >= l.terminated_at)
), membership AS (
    SELECT a.event_time, a.evidence, coalesce(CAST(nullif(a.user_id, 0) AS VARCHAR), g.account_key) AS account_key,
        a.action = 'org.add_member' AS joins
    FROM github_audit_log AS a
    LEFT JOIN github_logins AS g ON g.login = lower(a.user_login)
    WHERE a.row_status = 'first' AND a.action IN ('org.remove_member', 'org.remove_outside_collaborator', 'external_identity.deprovision',
        'business.remove_member', 'org.add_member')
), removed AS (
    SELECT account_key, max_by(event_time, event_time) AS ended_at, max_by(evidence, event_time) AS evidence, bool_and(true) AS there
    FROM membership AS m
    WHERE NOT joins AND NOT EXISTS (
        SELECT 1 FROM membership AS b WHERE b.account_key = m.account_key AND b.joins AND b.event_time > m.event_time)
    GROUP BY account_key
), ends AS (
    SELECT h.worker_id, h.system, h.account_key, r.ended_at, r.evidence
    FROM held AS h JOIN removed AS r ON h.system = 'github' AND r.account_key = h.account_key
    UNION ALL
    -- The first list of members after the termination that does not have the account.
    SELECT h.worker_id, h.system, h.account_key, min(m.as_of), NULL
    FROM held AS h
    JOIN github_members AS m ON h.system = 'github' AND m.as_of >= h.terminated_at
    WHERE NOT EXISTS (SELECT 1 FROM github_members AS x WHERE x.as_of >= m.as_of AND CAST(x.user_id AS VARCHAR) = h.account_key)
    GROUP BY ALL
    UNION ALL
    SELECT h.worker_id, h.system, h.account_key, e.published, e.evidence
    FROM held AS h
    JOIN principals AS s ON s.principal_id = h.worker_id AND s.system = 'idp'
    JOIN idp_events AS e ON lower(e.user_name) = s.account_key AND regexp_matches(e.event, '(deactivate|suspend|delete|disable)')
    WHERE (h.system = 'idp' AND s.account_key = h.account_key)
        OR (h.system NOT IN ('idp', 'github', 'git') AND h.method IN ('oidc', 'saml', 'scim', 'sso', 'identity-center'))
    UNION ALL
    SELECT h.worker_id, h.system, h.account_key, v.called_at, v.proofs[1]
    FROM held AS h
    JOIN vault_calls AS v ON h.system = 'vault' AND v.path = 'identity/entity/id/' || h.stated_key AND v.operation = 'delete' AND NOT v.refused
), first_end AS (
    SELECT worker_id, system, account_key, min(ended_at) AS ended_at, proofs(list(evidence)) AS proofs
    FROM ends GROUP BY ALL
)
SELECT h.* EXCLUDE (evidence, link_evidence), h.worker_id || '/' || h.system || ':' || h.stated_key AS subject, e.ended_at,
    proofs(list_concat([h.evidence, h.link_evidence], coalesce(e.proofs, []))) AS evidence
FROM held AS h
LEFT JOIN first_end AS e ON e.worker_id = h.worker_id AND e.system = h.system AND e.account_key = h.account_key
