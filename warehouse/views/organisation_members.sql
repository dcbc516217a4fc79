-- People of the organisation, per observation and local day, with their links to the identity provider of that day; outside
-- collaborators too, who are no members and whom no link is asked of.
WITH observed AS (
    SELECT user_id, login, as_of, lower(role) LIKE 'outside%' AS outside, evidence FROM github_members WHERE user_type IS DISTINCT FROM 'Bot' AND login NOT LIKE '%[bot]'
    UNION ALL
    SELECT c.user_id, c.login, c.as_of, true, c.evidence FROM github_collaborators AS c
    WHERE c.user_type IS DISTINCT FROM 'Bot' AND c.repo IN (SELECT repo FROM scope_repositories)
        AND EXISTS (SELECT 1 FROM github_members AS m WHERE local_day(m.as_of) = local_day(c.as_of)) AND NOT EXISTS (SELECT 1 FROM github_members AS m WHERE m.user_id = c.user_id AND local_day(m.as_of) = local_day(c.as_of))
), days AS (
    SELECT user_id, local_day(as_of) AS day, max_by(login, as_of) AS login, max(as_of) AS as_of, bool_and(outside) AS outside, list(evidence) AS proofs FROM observed GROUP BY ALL
), links AS (
    SELECT d.user_id, d.day, count(DISTINCT x.guid) AS links, list(x.evidence) AS proofs
    FROM days AS d JOIN github_external_identities AS x ON local_day(x.as_of) = d.day AND (x.user_id = d.user_id OR (x.user_id IS NULL AND lower(x.user_login) = lower(d.login)))
    GROUP BY ALL
)
SELECT 'github:' || d.user_id || ':' || d.day AS subject, d.user_id, d.as_of, d.outside, coalesce(l.links, 0) AS links, p.principal_id AS principal, proofs(list_concat(d.proofs, coalesce(l.proofs, []))) AS proofs
FROM days AS d
LEFT JOIN links AS l ON l.user_id = d.user_id AND l.day = d.day
LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(d.user_id AS VARCHAR) AND d.as_of >= p.valid_from AND (p.valid_to IS NULL OR d.as_of < p.valid_to)
WHERE p.principal_type IS DISTINCT FROM 'nhi'
