WITH weeks AS (
    SELECT day AS monday, strftime(day, '%G-W%V') AS week FROM (SELECT CAST(unnest(generate_series(date_trunc('week', CAST(local_day($period_start) AS TIMESTAMP)),
        CAST(local_day(least($period_end, $freeze_at)) AS TIMESTAMP), INTERVAL 7 DAY)) AS DATE) AS day)
    WHERE day_start(day + 7) <= least($period_end, $freeze_at) AND day_start(day) >= $period_start
), assets AS (
    SELECT repo AS asset, 'sast' AS kind FROM scope_repositories
    UNION SELECT image, 'container' FROM scope_repositories WHERE image IS NOT NULL
), scans AS (
    SELECT repo AS asset, 'sast' AS kind, finished_at AS scanned_at, successful AND critical IS NOT NULL AS whole, evidence FROM code_findings WHERE successful IS DISTINCT FROM false AND NOT other_kind
    UNION ALL SELECT image_repo, 'container', scanned_at, found IS NOT NULL, evidence FROM image_scans
), coverage AS (
    SELECT a.asset, a.kind, w.week, w.monday, max(s.scanned_at) FILTER (s.whole) AS last_at, max(s.scanned_at) AS perhaps_at, max_by(s.evidence, s.scanned_at) AS evidence
    FROM assets AS a CROSS JOIN weeks AS w LEFT JOIN scans AS s ON s.asset = a.asset AND s.kind = a.kind AND s.scanned_at < day_start(w.monday + 7)
    GROUP BY ALL
), entries AS (
    SELECT w.*, 'waiver:' || w.waiver_id AS subject, coalesce(w.scope ->> '$.rule', w.scope ->> '$.vulnerability') AS finding, a.waiver_id IS NOT NULL AS authorised,
        w.valid_to <= w.valid_from + to_days(CAST(number_at('SEC-05', 'P_WAIVER_MAX', w.valid_from) AS INTEGER)) AS short
    FROM (
        FROM company_waivers QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
    ) AS w
    LEFT JOIN authorised_waivers AS a ON a.waiver_id = w.waiver_id
    WHERE (w.control = 'CHG-05' OR w.control LIKE 'SEC-%') AND w.valid_from < $period_end AND w.valid_to > $period_start
), still_used AS (
    SELECT e.subject, min(f.finished_at) AS used_at, list(f.evidence) AS proofs
    FROM entries AS e JOIN code_findings AS f ON f.repo = (e.scope ->> '$.repo') AND list_contains(f.suppressed, e.finding) AND f.finished_at >= e.valid_to
    WHERE f.finished_at < $period_end GROUP BY e.subject
), switched AS (
    SELECT 'github.audit_log:' || a.document_id AS subject, a.event_time, a.action, a.repo, a.evidence, min(t.ticket_key) AS ticket, list(t.evidence) AS proofs
    FROM github_audit_log AS a
    LEFT JOIN tickets AS t ON t.scope_repo = a.repo AND t.approved_at <= a.event_time AND coalesce(t.valid_to, t.closed_at, t.approved_at + INTERVAL 7 DAY) >= a.event_time
        AND t.approver <> t.requester
    WHERE a.row_status = 'first' AND regexp_matches(a.action, '^(repo\.(advanced_security_disabled|code_scanning_analysis_deleted)|(dependabot_alerts|repository_vulnerability_alerts|secret_scanning|repository_secret_scanning|repository_secret_scanning_push_protection|code_scanning|repository_dependency_graph)\.disable)$')
        AND a.event_time >= $period_start AND a.event_time < $period_end
    GROUP BY ALL
)
SELECT 'coverage' AS population, asset || ':' || kind || ':' || week AS subject, 'A' AS attribute,
    CASE WHEN last_at >= day_start(monday + 7) - span_at('SEC-05', 'P_SCAN_CADENCE', day_start(monday)) THEN 'PASS'
         WHEN perhaps_at >= day_start(monday + 7) - span_at('SEC-05', 'P_SCAN_CADENCE', day_start(monday)) THEN 'INDETERMINATE' ELSE 'EXCEPTION' END AS verdict,
    coalesce('last scanned at ' || instant_text(last_at), 'not scanned as far as known') || CASE WHEN perhaps_at > coalesce(last_at, '-infinity')
        THEN '; the report of ' || instant_text(perhaps_at) || ' does not say whether the scan ran through, or what it found' ELSE '' END AS reason, day_start(monday) AS event_time, proofs([evidence]) AS evidence,
    CASE kind WHEN 'sast' THEN ['scan.sarif'] ELSE ['scan.trivy'] END AS needs
FROM coverage
UNION ALL
SELECT 'suppressions', subject, 'B', CASE WHEN authorised AND short AND coalesce(reason, '') <> '' AND scope IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
    concat_ws('; ', CASE WHEN authorised THEN 'approved by ' || approved_by ELSE 'not approved by an authorised person who neither asked nor benefits' END,
        date_diff('day', valid_from, valid_to) || ' days', CASE WHEN coalesce(reason, '') = '' THEN 'no reason' END), valid_from, proofs([evidence]), []
FROM entries
UNION ALL
SELECT 'suppressions', e.subject, 'C', CASE WHEN e.valid_to > least($period_end, $freeze_at) THEN 'NOT_APPLICABLE' WHEN u.subject IS NOT NULL THEN 'EXCEPTION' ELSE 'PASS' END,
    CASE WHEN e.valid_to > least($period_end, $freeze_at) THEN 'not expired' WHEN u.subject IS NOT NULL THEN 'still suppressed at ' || instant_text(u.used_at) ELSE 'nothing is suppressed since it expired' END,
    e.valid_from, proofs(list_append(coalesce(u.proofs, []), e.evidence)), ['scan.sarif']
FROM entries AS e LEFT JOIN still_used AS u USING (subject)
UNION ALL
SELECT 'events', subject, 'D', CASE WHEN ticket IS NULL THEN 'EXCEPTION' ELSE 'PASS' END, action || ' on ' || coalesce(repo, 'the organisation') || coalesce('; ticket ' || ticket, '; no approved ticket'), event_time,
    proofs(list_append(proofs, evidence)), ['itsm.ticket']
FROM switched
