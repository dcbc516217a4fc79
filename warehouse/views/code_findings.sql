-- Findings of code scans (SARIF), per report and result: critical is what the severity map calls so (security-severity from
-- 9.0). `ungraded`: findings of rules that the report does not describe; NULL lists: it does not say what it found.
-- `successful`: NULL where it does not say whether the scan ran through. Reports of dependency and image scanners in SARIF are told apart by their tool.
WITH reports AS (
    SELECT *, regexp_matches(tool_name, '(?i)(trivy|grype|snyk open source|osv|dependency|zap)') AS other_kind FROM scanners_sarif
    QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), results AS (
    SELECT p.natural_key, r.value ->> '$.tool' AS tool, r.value ->> '$.rule_id' AS rule, coalesce(json_array_length(r.value -> '$.suppressions'), 0) > 0 AS suppressed,
        r.value ->> '$.kind' AS kind, p.rules
    FROM reports AS p, json_each(p.results) AS r
), graded AS (
    SELECT r.natural_key, r.rule, r.suppressed,
        max(TRY_CAST(u.value ->> '$.security_severity' AS DOUBLE)) FILTER ((u.value ->> '$.id') = r.rule) AS severity,
        coalesce(bool_or((u.value ->> '$.id') = r.rule), false) AS described
    FROM results AS r LEFT JOIN json_each(r.rules) AS u ON true
    WHERE coalesce(r.kind, 'fail') NOT IN ('pass', 'notApplicable')
    GROUP BY ALL
)
SELECT p.repo, p.revision, p.tool_name, p.finished_at, p.successful, p.other_kind, p.evidence,
    CASE WHEN any_value(p.results) IS NOT NULL THEN coalesce(list(DISTINCT g.rule) FILTER (g.severity >= 9.0 AND NOT g.suppressed), []) END AS critical,
    coalesce(list(DISTINCT g.rule) FILTER (NOT g.described AND NOT g.suppressed), []) AS ungraded,
    coalesce(list(DISTINCT g.rule) FILTER (g.suppressed), []) AS suppressed
FROM reports AS p LEFT JOIN graded AS g ON g.natural_key = p.natural_key
GROUP BY ALL
