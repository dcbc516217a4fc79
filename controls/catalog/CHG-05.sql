WITH members AS (
    SELECT * FROM production_deployments WHERE succeeded_at IS NOT NULL AND created_at >= $period_start AND created_at < $period_end
), waived AS (
    -- Waivers that are valid at the deployment: signed before it, in force then.
    SELECT m.subject, w.finding, w.attribute, w.waiver_id FROM members AS m
    JOIN waived_findings AS w ON w.control IN ('CHG-05', 'SEC-05') AND coalesce(w.repo, m.repo) = m.repo AND w.created_at < m.created_at
        AND w.valid_from <= m.created_at AND m.created_at < w.valid_to
), sast AS (
    SELECT m.subject, list_distinct(flatten(list(f.critical))) AS critical, list_distinct(flatten(list(f.suppressed))) AS suppressed,
        CASE WHEN bool_or(NOT f.successful) THEN false WHEN count(*) = count(f.successful) THEN true END AS successful, max(f.finished_at) AS finished_at,
        bool_or(f.critical IS NULL) AS unsaid, list_distinct(flatten(list(f.ungraded))) AS ungraded, list(f.evidence) AS proofs
    FROM members AS m JOIN code_findings AS f ON f.repo = m.repo AND f.revision = m.sha AND NOT f.other_kind
    GROUP BY m.subject
), suppressed AS (
    SELECT s.subject, list_filter(s.suppressed, lambda r: NOT list_contains(coalesce(w.findings, []), r)) AS bare
    FROM sast AS s LEFT JOIN (SELECT subject, list(finding) AS findings FROM waived GROUP BY subject) AS w USING (subject)
), dependencies AS (
    SELECT m.subject, list_distinct(list(a.cve_id) FILTER (a.severity IN ('high', 'critical') AND a.created_at <= m.created_at
            AND coalesce(a.fixed_at, 'infinity') > m.created_at AND coalesce(a.dismissed_at, a.auto_dismissed_at, 'infinity') > m.created_at)) AS open,
        bool_or(severity_grade([a.severity]) IS NULL AND coalesce(a.created_at, '-infinity') <= m.created_at AND coalesce(a.fixed_at, a.dismissed_at, a.auto_dismissed_at, 'infinity') > m.created_at) AS doubtful, list(a.evidence) AS proofs
    FROM members AS m JOIN github_dependabot_alerts AS a ON a.repo = m.repo
    GROUP BY m.subject
    UNION ALL
    SELECT m.subject, list_distinct(list(v.value ->> '$.id') FILTER (lower(v.value ->> '$.severity') IN ('high', 'critical'))),
        bool_or(s.vulnerabilities IS NULL OR (v.value IS NOT NULL AND severity_grade([v.value ->> '$.severity']) IS NULL)), list(s.evidence)
    FROM members AS m JOIN scanners_snyk AS s ON s.repo = m.repo AND s.sha = m.sha LEFT JOIN json_each(s.vulnerabilities) AS v ON true
    GROUP BY m.subject
), known_dependencies AS (
    SELECT subject, list_distinct(flatten(list(coalesce(open, [])))) AS open, bool_or(doubtful) AS doubtful, flatten(list(proofs)) AS proofs FROM dependencies GROUP BY subject
), scanned AS (
    -- Per deployment the last scan of its digest before it, else the first one after.
    SELECT m.subject, i.digest, s.scanned_at, s.evidence, len(list_distinct(list_transform(list_filter(s.found, lambda v: v.severity = 'critical'
        AND NOT list_contains(coalesce(w.findings, []), v.id)), lambda v: v.id || ' ' || coalesce(v.package, '')))) AS critical,
        len(list_filter(s.found, lambda v: severity_grade([v.severity]) IS NULL)) AS ungraded
    FROM members AS m
    JOIN deployed_images AS i ON i.subject = m.subject
    LEFT JOIN image_scans AS s ON s.digest = i.digest
    LEFT JOIN (SELECT subject, list(finding) AS findings FROM waived WHERE coalesce(attribute, 'C') = 'C' GROUP BY subject) AS w ON w.subject = m.subject
    QUALIFY row_number() OVER (PARTITION BY m.subject, i.digest ORDER BY s.scanned_at > m.created_at, abs(date_diff('second', s.scanned_at, m.created_at))) = 1
), images AS (
    SELECT subject, max(critical) AS critical, max(critical + ungraded) AS perhaps, bool_and(scanned_at IS NOT NULL AND critical IS NOT NULL) AS all_scanned, max(scanned_at) AS scanned_at,
        string_agg(digest, ', ' ORDER BY digest) AS digests, list(evidence) AS proofs
    FROM scanned GROUP BY subject
), dynamic AS (
    SELECT m.subject, max(z.created_at) AS scanned_at, max(TRY_CAST(a.value ->> '$.risk' AS BIGINT)) AS risk,
        bool_or(z.alerts IS NULL OR (a.value IS NOT NULL AND TRY_CAST(a.value ->> '$.risk' AS BIGINT) IS NULL)) AS doubtful, list(z.evidence) AS proofs
    FROM members AS m
    JOIN scanners_zap AS z ON z.repo = m.repo AND z.sha = m.sha AND z.created_at <= m.created_at
        AND z.created_at >= m.created_at - to_hours(CAST(number_at('CHG-05', 'P_DAST_AGE', m.created_at) AS BIGINT))
    LEFT JOIN json_each(z.alerts) AS a ON true
    GROUP BY m.subject
), answers AS (
    SELECT m.subject, 'A' AS attribute, CASE WHEN s.subject IS NULL THEN 'INDETERMINATE' WHEN len(s.critical) > 0 THEN 'EXCEPTION' WHEN s.unsaid OR s.successful = false OR len(s.ungraded) > 0 THEN 'INDETERMINATE' ELSE 'PASS' END AS verdict,
        CASE WHEN s.subject IS NULL THEN 'no code scan of ' || left(m.sha, 7) WHEN len(s.critical) > 0 THEN 'critical: ' || array_to_string(list_sort(s.critical), ', ')
             WHEN s.unsaid OR s.successful = false THEN 'a scan did not run through, or does not say what it found' WHEN len(s.ungraded) > 0 THEN 'rules that no report describes: ' || array_to_string(list_sort(s.ungraded), ', ') ELSE 'no critical finding' END AS reason,
        s.proofs, (SELECT list(r.x) FROM (SELECT unnest(s.critical) AS x) AS r WHERE r.x NOT IN (SELECT w.finding FROM waived AS w WHERE w.subject = m.subject AND w.finding IS NOT NULL)) AS uncovered, s.critical AS findings
    FROM members AS m LEFT JOIN sast AS s USING (subject)
    UNION ALL
    SELECT m.subject, 'B', CASE WHEN len(k.open) > 0 THEN 'EXCEPTION' WHEN k.subject IS NULL OR k.doubtful THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN k.subject IS NULL THEN 'no dependency scan, and no alert was ever given' WHEN len(k.open) = 0 AND k.doubtful THEN 'a finding has no severity that is known, or a report does not say what it found'
             WHEN len(k.open) = 0 THEN 'no high or critical finding' ELSE 'open: ' || array_to_string(list_sort(k.open), ', ') END,
        k.proofs, NULL, k.open
    FROM members AS m LEFT JOIN known_dependencies AS k USING (subject)
    UNION ALL
    SELECT m.subject, 'C',
        CASE WHEN m.service_image IS NULL AND m.image_ref IS NULL AND i.subject IS NULL THEN 'NOT_APPLICABLE' WHEN i.critical >= 5 THEN 'EXCEPTION' WHEN i.all_scanned AND i.perhaps < 5 THEN 'PASS' ELSE 'INDETERMINATE' END,
        CASE WHEN m.service_image IS NULL AND m.image_ref IS NULL AND i.subject IS NULL THEN 'it deploys no image' WHEN i.subject IS NULL THEN 'the deployed digest is not known'
             WHEN i.critical IS NULL THEN 'no scan of ' || i.digests ELSE i.critical || ' critical vulnerabilities' || CASE WHEN i.perhaps > i.critical THEN ', ' || (i.perhaps - i.critical) || ' of unknown severity' ELSE '' END || '; the gate is fewer than 5' END, i.proofs, NULL, NULL
    FROM members AS m LEFT JOIN images AS i USING (subject)
    UNION ALL
    SELECT m.subject, 'D', CASE WHEN z.risk >= 3 THEN 'EXCEPTION' WHEN z.subject IS NULL OR z.doubtful THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN z.subject IS NULL THEN 'no dynamic scan of this version in time' WHEN z.risk >= 3 THEN 'a finding of high risk' WHEN z.doubtful THEN 'a report does not say what it found, or how grave it is' ELSE 'no finding of high risk' END, z.proofs, NULL, NULL
    FROM members AS m LEFT JOIN dynamic AS z USING (subject)
    UNION ALL
    SELECT m.subject, 'E',
        CASE WHEN s.subject IS NULL AND i.critical IS NULL THEN 'EXCEPTION' WHEN s.successful = false OR s.finished_at > m.created_at OR i.scanned_at > m.created_at THEN 'EXCEPTION'
             WHEN s.subject IS NOT NULL AND (s.successful IS NULL OR s.finished_at IS NULL) THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN s.subject IS NULL AND i.critical IS NULL THEN 'no scan is bound to what was deployed' WHEN s.successful = false THEN 'a scan did not run through'
             WHEN s.finished_at > m.created_at OR i.scanned_at > m.created_at THEN 'a scan ended only after the deployment'
             WHEN s.subject IS NOT NULL AND (s.successful IS NULL OR s.finished_at IS NULL) THEN 'a report does not say whether and when its scan ran through' ELSE 'the scans ended before the deployment' END,
        list_concat(coalesce(s.proofs, []), coalesce(i.proofs, [])), NULL, NULL
    FROM members AS m LEFT JOIN sast AS s USING (subject) LEFT JOIN images AS i USING (subject)
    UNION ALL
    SELECT m.subject, 'F', CASE WHEN s.subject IS NULL THEN 'NOT_APPLICABLE' WHEN len(u.bare) = 0 THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN s.subject IS NULL THEN 'no code scan (A)' WHEN len(u.bare) = 0 THEN 'every suppressed finding is covered' ELSE 'suppressed without a waiver: ' || array_to_string(list_sort(u.bare), ', ') END, s.proofs, NULL, NULL
    FROM members AS m LEFT JOIN sast AS s USING (subject) LEFT JOIN suppressed AS u USING (subject)
)
SELECT 'deployments' AS population, a.subject, a.attribute, a.verdict, a.reason, m.created_at AS event_time, proofs(list_concat(m.evidence, coalesce(a.proofs, []))) AS evidence,
    -- A waiver exempts only where none of the findings is left without one.
    to_json({'repo': m.repo, 'rule': coalesce(a.uncovered[1], a.findings[1]), 'service': m.service, 'deployment': m.deployment_id}) AS covers, [a.subject] AS changes
FROM answers AS a JOIN members AS m USING (subject)
