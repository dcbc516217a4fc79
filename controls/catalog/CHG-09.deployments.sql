WITH members AS (
    SELECT * FROM production_deployments WHERE created_at >= $period_start AND created_at < $period_end
), published AS (
    SELECT a.package_version AS digest, min(a.event_time) AS published_at,
        bool_or(coalesce(a.actor_is_bot, false) OR coalesce(p.principal_type = 'nhi', false)) AS by_machine, list(a.evidence) AS proofs
    FROM github_audit_log AS a
    LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(a.actor_id AS VARCHAR) AND p.valid_to IS NULL
    WHERE a.action = 'packages.package_version_published' AND a.package_version LIKE 'sha256:%'
    GROUP BY a.package_version
), built AS (
    SELECT 'sha256:' || subject_sha256 AS digest, git_commit, workflow_path, evidence FROM registry_provenance
), facts AS (
    SELECT m.subject, i.digest, i.image_ref, u.published_at, u.by_machine, b.digest IS NOT NULL AS built,
        bool_or(s.digest = i.digest) AS scanned, bool_or(s.digest <> i.digest) AS scanned_other, min(s.digest) FILTER (s.digest <> i.digest) AS other,
        proofs(list_concat(coalesce(any_value(u.proofs), []), list(b.evidence), list(i.evidence), list(s.evidence))) AS proofs
    FROM members AS m
    JOIN deployed_images AS i ON i.subject = m.subject
    LEFT JOIN published AS u ON u.digest = i.digest
    LEFT JOIN built AS b ON b.digest = i.digest AND b.git_commit = m.sha
    LEFT JOIN image_scans AS s ON s.digest = i.digest OR (s.image_ref = i.image_ref AND s.scanned_at <= m.created_at)
    GROUP BY ALL
), judged AS (
    SELECT m.subject, m.created_at, m.evidence, m.service_image IS NULL AND m.image_ref IS NULL AS no_image, count(f.digest) AS images,
        bool_or(coalesce(f.scanned_other, false) AND NOT coalesce(f.scanned, false)) AS moved, bool_or(f.published_at > m.created_at OR f.by_machine = false) AS stray,
        bool_and(f.built OR (f.published_at <= m.created_at AND f.by_machine)) AS known, bool_and(coalesce(f.scanned, false)) AS scanned,
        string_agg(f.digest || CASE WHEN f.scanned_other AND NOT f.scanned THEN ', scanned was ' || f.other ELSE '' END, '; ' ORDER BY f.digest) AS found, flatten(list(f.proofs)) AS proofs
    FROM members AS m LEFT JOIN facts AS f ON f.subject = m.subject
    GROUP BY ALL
)
SELECT 'deployments' AS population, subject, 'C' AS attribute,
    CASE WHEN no_image AND images = 0 THEN 'NOT_APPLICABLE' WHEN images = 0 THEN 'INDETERMINATE' WHEN moved OR stray THEN 'EXCEPTION' WHEN known AND scanned THEN 'PASS' ELSE 'INDETERMINATE' END AS verdict,
    CASE WHEN no_image AND images = 0 THEN 'it deploys no image' WHEN images = 0 THEN 'the deployed digest is not known'
         ELSE 'runs ' || found || CASE WHEN stray THEN '; published by a person or after the deployment' WHEN moved THEN '' WHEN NOT known THEN '; nothing tells who published it' WHEN NOT scanned THEN '; not scanned' ELSE '' END END AS reason,
    created_at AS event_time, proofs(list_concat(evidence, coalesce(proofs, []))) AS evidence
FROM judged
