WITH members AS (
    SELECT digest, day, digest || ':' || day AS subject, min(as_of) AS first_at, any_value(image_repo) AS image_repo, list(evidence) AS proofs
    FROM running_containers WHERE as_of >= $period_start AND as_of < $period_end
    GROUP BY ALL
), scanned AS (
    SELECT m.subject, s.scanned_at, s.db_built_at, s.found, s.evidence FROM members AS m
    JOIN image_scans AS s ON s.digest = m.digest AND s.scanned_at < day_start(m.day + 1)
    QUALIFY row_number() OVER (PARTITION BY m.subject ORDER BY s.scanned_at DESC, s.tool) = 1
), critical AS (
    SELECT subject, unnest(list_distinct(list_transform(list_filter(found, lambda v: v.severity = 'critical'), lambda v: v.id))) AS vulnerability FROM scanned
), waived AS (
    SELECT c.subject, c.vulnerability, min(w.waiver_id) AS waiver, list(w.evidence) AS proofs
    FROM critical AS c
    JOIN members AS m ON m.subject = c.subject
    JOIN waived_findings AS w ON w.control IN ('SEC-02', 'SEC-01') AND w.finding = c.vulnerability AND coalesce(w.asset, m.image_repo) = m.image_repo
        AND w.created_at < m.first_at AND w.valid_from <= m.first_at AND m.first_at < w.valid_to
    GROUP BY ALL
), counted AS (
    SELECT c.subject, count(*) AS critical, count(w.waiver) AS waived, min(c.vulnerability) FILTER (w.waiver IS NULL) AS bare, min(c.vulnerability) AS any_one,
        string_agg(DISTINCT w.waiver, ', ') AS waivers, flatten(list(w.proofs)) AS proofs
    FROM critical AS c LEFT JOIN waived AS w ON w.subject = c.subject AND w.vulnerability = c.vulnerability
    GROUP BY c.subject
), facts AS (
    SELECT m.*, s.scanned_at, coalesce(k.critical, 0) AS critical, coalesce(k.waived, 0) AS waived, k.waivers, coalesce(k.bare, k.any_one) AS named,
        len(s.found) AS all_found, len(list_filter(s.found, lambda v: severity_grade([v.severity]) IS NULL)) AS ungraded, s.scanned_at >= m.first_at - to_hours(CAST(number_at('SEC-02', 'P_IMG_SCAN_AGE', m.first_at) AS BIGINT)) AS fresh,
        proofs(list_concat(m.proofs, [s.evidence], coalesce(k.proofs, []))) AS evidence
    FROM members AS m LEFT JOIN scanned AS s ON s.subject = m.subject LEFT JOIN counted AS k ON k.subject = m.subject
)
SELECT 'images' AS population, subject, 'A' AS attribute, CASE WHEN fresh THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
    coalesce('last scanned at ' || instant_text(scanned_at), 'never scanned') AS reason, first_at AS event_time, evidence, NULL AS covers
FROM facts
UNION ALL
SELECT 'images', subject, 'B', CASE WHEN critical > 0 THEN 'EXCEPTION' WHEN all_found IS NULL OR ungraded > 0 THEN 'INDETERMINATE' ELSE 'PASS' END,
    CASE WHEN scanned_at IS NULL THEN 'no scan, so no count' WHEN all_found IS NULL THEN 'the scan does not say what it found'
        ELSE CASE WHEN ungraded > 0 THEN ungraded || ' of unknown severity; ' ELSE '' END || critical || ' critical of ' || all_found || ' findings, waived: ' || waived END, first_at, evidence,
    to_json({'vulnerability': named, 'rule': named, 'asset': image_repo, 'image': image_repo})
FROM facts
UNION ALL
SELECT 'images', subject, 'C', CASE WHEN waived > 0 THEN 'PASS' ELSE 'NOT_APPLICABLE' END, coalesce('valid on that day: ' || waivers, 'no waiver is relied on'), first_at, evidence, NULL FROM facts
UNION ALL
SELECT 'images', subject, 'D', 'INDETERMINATE', 'the base image is not known', first_at, evidence, NULL FROM facts
