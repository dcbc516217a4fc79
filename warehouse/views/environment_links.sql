-- What joins production and another environment at a month's end (DEV-02): `kind` shared (a role, a key, a trust, a policy, a
-- secret's value) or path (a peering, a rule of a security group), with the ticket that approves a path.
WITH held AS (
    SELECT m.month, s.production, s.environment, s.state, s.evidence, x.value ->> '$.type' AS type, (x.value ->> '$.type') || '.' || (x.value ->> '$.name') AS address, i.value -> '$.attributes' AS a, x.value ->> '$.mode' AS mode
    FROM (SELECT DISTINCT month, ends_at FROM environment_months) AS m
    JOIN environment_states AS s ON s.since < m.ends_at AND (s.until IS NULL OR s.until >= m.ends_at), json_each(s.resources) AS x, json_each(x.value -> '$.instances') AS i
), secrets AS (
    SELECT m.month, s.environment, s.name, s.digest, s.evidence, s.environment IN (SELECT environment FROM scope_environments) AS production
    FROM (SELECT DISTINCT month, starts_at, ends_at FROM environment_months) AS m JOIN company_secret_digests AS s ON s.as_of >= m.starts_at AND s.as_of < m.ends_at
), opened AS (
    SELECT CAST(date_trunc('month', local_day(p.as_of)) AS DATE) AS month, p.name, p.evidence, s.prefix, unnest(regexp_extract_all(p.rules, 'path\s+"([^"]+)"\s*\{[^}]*"(?:read|list|create|update)"', 1)) AS glob
    FROM vault_policies AS p, scope_secret_paths AS s WHERE p.name <> 'root'
), found AS (
    SELECT p.month, n.environment, 'shared' AS kind, p.address || ' ' || (p.a ->> '$.arn') AS what, [p.evidence, n.evidence] AS proofs
    FROM held AS p JOIN held AS n ON n.month = p.month AND (n.a ->> '$.arn') = (p.a ->> '$.arn') AND NOT n.production WHERE p.production AND p.type IN ('aws_iam_role', 'aws_kms_key')
    UNION ALL
    SELECT p.month, n.environment, 'shared', p.address || ' trusts ' || (n.a ->> '$.arn'), [p.evidence, n.evidence]
    FROM held AS p JOIN held AS n ON n.month = p.month AND NOT n.production AND n.type = 'aws_iam_role' AND contains(p.a ->> '$.assume_role_policy', '"' || (n.a ->> '$.arn') || '"') WHERE p.production AND p.type = 'aws_iam_role'
    UNION ALL
    SELECT p.month, n.environment, 'shared', 'the value of secret ' || p.name || ' is that of ' || n.name, [p.evidence, n.evidence]
    FROM secrets AS p JOIN secrets AS n ON n.month = p.month AND n.digest = p.digest AND NOT n.production WHERE p.production
    UNION ALL
    SELECT o.month, e.environment, 'shared', 'Vault''s policy ' || o.name || ' opens ' || o.glob, [o.evidence]
    FROM opened AS o JOIN environment_months AS e ON e.month = o.month AND NOT e.production WHERE o.prefix GLOB (rtrim(o.glob, '*') || '*') AND ends_with(o.glob, '*') AND NOT starts_with(o.glob, o.prefix)
    UNION ALL
    SELECT c.month, n.environment, 'path', c.address || ' joins ' || (c.a ->> '$.vpc_id') || ' and ' || (c.a ->> '$.peer_vpc_id'), [c.evidence, p.evidence, n.evidence]
    FROM held AS c JOIN held AS p ON p.month = c.month AND p.production AND p.type = 'aws_vpc' AND (p.a ->> '$.id') IN (c.a ->> '$.vpc_id', c.a ->> '$.peer_vpc_id')
    JOIN held AS n ON n.month = c.month AND NOT n.production AND n.type = 'aws_vpc' AND (n.a ->> '$.id') IN (c.a ->> '$.vpc_id', c.a ->> '$.peer_vpc_id') WHERE c.type = 'aws_vpc_peering_connection'
    UNION ALL
    SELECT c.month, n.environment, 'path', c.address || ' lets in ' || n.address, [c.evidence, n.evidence]
    FROM held AS c JOIN held AS n ON n.month = c.month AND NOT n.production AND ((n.a ->> '$.id') = (c.a ->> '$.source_security_group_id') AND n.type = 'aws_security_group'
        OR n.type = 'aws_vpc' AND len(list_filter(TRY_CAST(c.a -> '$.cidr_blocks' AS VARCHAR[]), lambda b: b = (n.a ->> '$.cidr_block') OR coalesce(in_network(split_part(b, '/', 1), n.a ->> '$.cidr_block'), false))) > 0)
    WHERE c.production AND c.type LIKE 'aws%security_group%rule'
)
SELECT f.month, f.environment, f.kind, f.what, min(t.ticket_key) AS ticket, proofs(list_concat(flatten(list(f.proofs)), list(t.evidence))) AS proofs
FROM found AS f
LEFT JOIN tickets AS t ON f.kind = 'path' AND scope_has(t.scope, split_part(f.what, ' ', 1)) AND t.approved_at < day_start(CAST(f.month + INTERVAL 1 MONTH AS DATE)) AND coalesce(t.valid_to >= day_start(f.month), true) AND t.approver IS DISTINCT FROM t.requester
GROUP BY ALL
