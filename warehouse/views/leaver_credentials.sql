-- Credentials of leavers' GitHub accounts that were there at the termination, and when each ended: by expiry, revocation,
-- removal of the member, or by being gone from a later list.
WITH listed AS (
    SELECT CAST(c.credential_id AS VARCHAR) AS credential, g.account_key, c.as_of, c.expires_at, c.credential_authorized_at AS granted_at, c.evidence, 'authorizations' AS list_name
    FROM github_credential_authorizations AS c JOIN github_logins AS g ON g.login = lower(c.login)
    UNION ALL
    SELECT CAST(grant_id AS VARCHAR), CAST(owner_id AS VARCHAR), as_of, CASE WHEN token_expired THEN least(token_expires_at, as_of) ELSE token_expires_at END,
        access_granted_at, evidence, 'tokens'
    FROM github_personal_access_tokens
), lists AS (
    SELECT list_name, as_of FROM listed GROUP BY ALL
), revoked AS (
    SELECT coalesce(fields ->> '$.credential_id', fields ->> '$.id', CAST(token_id AS VARCHAR)) AS credential, min(event_time) AS revoked_at, list(evidence) AS proofs
    FROM github_audit_log
    WHERE action IN ('org_credential_authorization.revoke', 'org_credential_authorization.deauthorize', 'personal_access_token.access_revoked')
    GROUP BY ALL
), last_seen AS (
    SELECT credential, account_key, list_name, max(as_of) AS seen_at, max_by(expires_at, as_of) AS expires_at, min(granted_at) AS granted_at,
        proofs(list(evidence)) AS proofs
    FROM listed GROUP BY ALL
)
SELECT a.worker_id, a.stated_key, a.terminated_at, a.disable_due, c.credential, c.seen_at,
    a.subject || '/credential:' || c.credential AS subject,
    least(c.expires_at, a.ended_at, r.revoked_at, (SELECT min(l.as_of) FROM lists AS l WHERE l.list_name = c.list_name AND l.as_of > c.seen_at)) AS ended_at,
    proofs(list_concat(a.evidence, c.proofs, coalesce(r.proofs, []))) AS evidence
FROM leaver_accounts AS a
JOIN last_seen AS c ON a.system = 'github' AND c.account_key = a.account_key AND coalesce(c.granted_at, a.terminated_at) <= a.terminated_at
LEFT JOIN revoked AS r ON r.credential = c.credential
WHERE coalesce(c.expires_at, 'infinity') > a.terminated_at
