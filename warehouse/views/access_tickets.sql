-- Access requests with the words of what they grant, in lower case: every text of entitlement and scope, whole and in parts.
WITH texts AS (
    SELECT *, list_concat([trim(CAST(entitlement AS VARCHAR), '"')], regexp_extract_all(concat_ws(' ', CAST(entitlement AS VARCHAR), CAST(scope AS VARCHAR)), '"((?:[^"\\]|\\.)*)"', 1)) AS words
    FROM tickets WHERE replace(replace(ticket_type, '-', '_'), ' ', '_') IN ('access_request', 'access', 'jit', 'elevation', 'privileged_access')
), parts AS (
    SELECT *, list_distinct(list_transform(list_concat(words, flatten(list_transform(words, lambda w: regexp_split_to_array(w, '[\s:,=]+')))), lambda w: lower(w))) AS tokens FROM texts
)
SELECT ticket_key, ticket_type, requester, coalesce(beneficiary, requester) AS beneficiary, approver, approved_at, valid_from, valid_to, expires_at, closed_at, evidence, tokens,
    coalesce(entitlement ->> '$.system', scope ->> '$.system') AS system,
    list_max(list_transform(tokens, lambda t: CASE t WHEN 'read' THEN 1 WHEN 'pull' THEN 1 WHEN 'member' THEN 1 WHEN 'triage' THEN 2 WHEN 'write' THEN 3 WHEN 'push' THEN 3 WHEN 'maintain' THEN 4 WHEN 'admin' THEN 5 WHEN 'owner' THEN 5 END)) AS level
FROM parts
