-- Which person holds which function of the segregation matrix (IDENTITY.md §4), from when it was first seen to when last.
SELECT person, duty, min(as_of) AS since, max(as_of) AS until, string_agg(DISTINCT path, ', ' ORDER BY path) AS paths, proofs(list(evidence)) AS evidence
FROM duty_accounts WHERE person IS NOT NULL
GROUP BY person, duty
