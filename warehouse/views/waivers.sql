-- Each waiver as it stands, and how its own word for when it was signed bears with when it was seen. `recorded_at`: when it was
-- first fetched, else collected. `missed_at`: when its stream was said to be complete for the day on which it claims to have
-- been signed, and it was not there: so it was written later. `known_at`: from when on it may exempt.
WITH held AS (
    FROM company_waivers QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), seen AS (
    SELECT w.natural_key, min(coalesce(f.fetched_at, w.collected_at)) AS recorded_at
    FROM company_waivers AS w LEFT JOIN evidence_fetches AS f ON f.fetch_name = w."fetch"
    GROUP BY w.natural_key
), complete AS (
    SELECT day, asked_at AS told_at FROM custody_partitions WHERE stream = 'company.waivers' AND status = 'complete'
    UNION ALL
    SELECT p.day, e.collected_at FROM partition_days AS p, evidence_partitions AS e
    WHERE p.stream = 'company.waivers' AND p.status = 'complete' AND list_contains(p.evidence, e.evidence)
), missed AS (
    SELECT h.natural_key, min(c.told_at) AS missed_at
    FROM held AS h
    JOIN seen AS s ON s.natural_key = h.natural_key
    JOIN complete AS c ON c.day = local_day(h.created_at) AND c.told_at >= day_start(c.day + 1)
        AND c.told_at >= h.created_at + span_at('EVD-01', 'P_OVERLAP', h.created_at) AND c.told_at < s.recorded_at
    GROUP BY h.natural_key
)
SELECT h.*, s.recorded_at, m.missed_at, CASE WHEN m.missed_at IS NULL THEN h.created_at ELSE s.recorded_at END AS known_at,
    h.approved_by <> h.requested_by AND h.approved_by <> h.beneficiary
        AND h.approved_by IN (SELECT worker_id FROM scope_people WHERE role IN ('security_team', 'compliance_owners', 'waiver_approvers')) AS independent
FROM held AS h
JOIN seen AS s ON s.natural_key = h.natural_key
LEFT JOIN missed AS m ON m.natural_key = h.natural_key
