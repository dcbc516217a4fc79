-- Lines of access review campaigns (APD-05) with their campaign's times and frozen hash (a record without a line tells of
-- the campaign; a line may tell it too), and with who subject and reviewer are for HR, the register of machines and the owners.
WITH RECURSIVE records AS (
    SELECT *, coalesce(principal, fields ->> '$.principal_id', fields ->> '$.subject', fields ->> '$.worker_id',
            (SELECT min(p.principal_id) FROM principals AS p WHERE p.system = r.system AND p.account_key = lower(r.fields ->> '$.account_key') AND p.valid_to IS NULL)) AS person,
        coalesce(listing_hash, fields ->> '$.listing_sha256_seen', fields ->> '$.listing_hash_seen', fields ->> '$.seen_listing_hash') AS seen_hash,
        coalesce(fields ->> '$.frozen_listing_hash', fields ->> '$.frozen_hash', fields ->> '$.campaign_listing_hash', fields ->> '$.frozen_sha256', fields ->> '$.listing_sha256') AS frozen_hash,
        coalesce(completed_at, instant(fields ->> '$.closed_at')) AS ended_at
    FROM company_access_reviews AS r
    QUALIFY row_number() OVER (PARTITION BY campaign_id, coalesce(line_id, '') ORDER BY collected_at DESC, decided_at DESC NULLS LAST, record DESC) = 1
), campaigns AS (
    SELECT campaign_id, min(opened_at) AS opened_at, CASE WHEN count(ended_at) FILTER (line_id IS NULL) > 0 THEN max(ended_at) FILTER (line_id IS NULL) ELSE max(ended_at) END AS completed_at,
        coalesce(any_value(frozen_hash), any_value(seen_hash) FILTER (line_id IS NULL)) AS frozen_hash, any_value(fields ->> '$.period') AS period, min(decided_at) AS first_at, list(evidence) FILTER (line_id IS NULL) AS proofs
    FROM records GROUP BY campaign_id
), above AS (
    -- Everybody above a worker, by the managers that HR states last.
    SELECT worker_id, manager_id AS boss, 1 AS steps FROM workers WHERE manager_id IS NOT NULL
    UNION
    SELECT a.worker_id, w.manager_id, a.steps + 1 FROM above AS a JOIN workers AS w ON w.worker_id = a.boss WHERE w.manager_id IS NOT NULL AND a.steps < 20
), owners AS (
    SELECT lower(e.key) AS entitlement, TRY_CAST(e.value AS VARCHAR[]) AS people FROM scope_values AS v, json_each(v.value) AS e WHERE v.name = 'entitlement_owners'
)
SELECT r.campaign_id || '/' || r.line_id AS subject, r.campaign_id, r.line_id, coalesce(c.opened_at, r.opened_at) AS opened_at, c.completed_at, c.period, c.first_at, r.system, r.person, lower(r.decision) AS decision, r.reviewer, r.decided_by, r.decided_at,
    r.seen_hash, c.frozen_hash, trim(CAST(r.entitlement AS VARCHAR), '"') AS entitlement, lower(coalesce(r.fields ->> '$.account_key', r.fields ->> '$.account')) AS account,
    list_transform(list_concat([trim(CAST(r.entitlement AS VARCHAR), '"')], regexp_extract_all(CAST(r.entitlement AS VARCHAR), '"((?:[^"\\]|\\.)*)"', 1)), lambda t: lower(t)) AS tokens,
    coalesce(TRY_CAST(r.fields ->> '$.privileged' AS BOOLEAN), regexp_full_match(lower(r.fields ->> '$.privilege_level'), 'privileged|admin|administrator|owner|high|root'), regexp_matches(lower(CAST(r.entitlement AS VARCHAR)), '\b(admins?|owner|root|cluster-admin|masters|administratoraccess|bypass|sudo)\b'), false) AS privileged,
    coalesce(instant(r.fields ->> '$.effective_at'), instant(r.fields ->> '$.verified_absent_at'), instant(r.fields ->> '$.revoked_at')) AS stated_end, coalesce(instant(r.fields ->> '$.lookback_at'), instant(r.fields ->> '$.look_back_at'), instant(r.fields ->> '$.lookback.cleared_at')) AS looked_back_at,
    r.decided_by = coalesce(r.fields ->> '$.owner', r.fields ->> '$.owner_id') OR r.decided_by = n.owner OR EXISTS (SELECT 1 FROM owners AS o WHERE list_contains(o.people, r.decided_by) AND contains(lower(CAST(r.entitlement AS VARCHAR)), o.entitlement)) AS by_owner,
    r.decided_by = m.manager_id AS by_manager, coalesce(r.fields ->> '$.owner', r.fields ->> '$.owner_id', n.owner) IS NOT NULL AS owner_known, (r.fields ->> '$.delegated_by') = r.person AS delegated,
    EXISTS (SELECT 1 FROM above AS a WHERE a.worker_id = r.decided_by AND a.boss = r.person) AS by_subordinate, n.nhi_id IS NOT NULL OR w.worker_id IS NOT NULL AS resolved, w.terminated_at, proofs(list_concat([r.evidence, w.evidence, m.evidence, n.evidence], coalesce(c.proofs, []))) AS proofs
FROM records AS r JOIN campaigns AS c USING (campaign_id)
LEFT JOIN workers AS w ON w.worker_id = r.person
LEFT JOIN worker_versions AS m ON m.worker_id = r.person AND (r.decided_at >= m.effective_at OR m.before_at IS NULL) AND (m.until IS NULL OR r.decided_at < m.until)
LEFT JOIN non_human_identities AS n ON n.nhi_id = r.person
WHERE r.line_id IS NOT NULL
