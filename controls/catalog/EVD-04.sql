WITH members AS (
    SELECT principal || '/' || permission AS subject, principal, permission, max_by(area, as_of) AS area, max_by(level, as_of) AS level, max(as_of) AS as_of, list(evidence) AS proofs, EXISTS (SELECT 1 FROM workers AS w WHERE w.worker_id = principal) AS person
    FROM evidence_permissions WHERE as_of >= $period_start AND as_of < $period_end GROUP BY principal, permission
), tested AS (
    SELECT m.subject, string_agg(DISTINCT d.duty || ' (' || d.paths || ')', ', ' ORDER BY d.duty || ' (' || d.paths || ')') AS duties, flatten(list(d.evidence)) AS proofs
    FROM members AS m JOIN duty_holders AS d ON d.person = m.principal AND d.duty IN ('F1', 'F3', 'F5', 'F7') GROUP BY m.subject
), used AS (
    SELECT m.subject, count(*) AS uses, list(a.evidence) AS proofs, count(*) FILTER (action = 'delete') AS deletes,
        count(*) FILTER (m.area = 'source' AND a.origin IS DISTINCT FROM 'collector') AS elsewhere,
        count(*) FILTER (action = 'sign' AND (a.origin IS DISTINCT FROM 'pack-publish' OR len(list_filter(list_distinct(coalesce(CAST(a.approvers AS JSON)::VARCHAR[], [])), lambda x: x <> m.principal)) < 2)) AS unapproved,
        count(*) FILTER (a.reviewed_by = m.principal OR a.reviewed_by IS NULL OR a.reviewed_at > day_start(date_trunc('month', local_day(a.accessed_at)) + INTERVAL 2 MONTH)) AS unreviewed,
        count(*) FILTER (action = 'upload') AS uploads,
        count(*) FILTER (action = 'upload' AND (NOT coalesce(a.metadata_preserved, false) OR coalesce(a.countersigned_by = m.principal, true) AND coalesce(a.control_owner = m.principal, true))) AS tainted
    FROM members AS m JOIN (
        FROM evidence_accesses QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
    ) AS a ON a.principal = m.principal AND coalesce(a.permission, m.permission) = m.permission AND a.accessed_at >= $period_start AND a.accessed_at < $period_end
    GROUP BY m.subject
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN area = 'source' OR level = 'read' THEN 'PASS' WHEN t.duties IS NULL THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
        level || ' on ' || area || coalesce('; also ' || t.duties, '; holds no duty that is tested') AS reason, ['gh.team', 'k8s.rbac'] AS needs FROM members LEFT JOIN tested AS t USING (subject)
    UNION ALL
    SELECT subject, 'B', CASE WHEN area <> 'source' THEN 'NOT_APPLICABLE' WHEN level = 'read' AND coalesce(u.elsewhere, 0) = 0 THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN area <> 'source' THEN 'no credential of a collector' ELSE level || '; uses from elsewhere: ' || coalesce(u.elsewhere, 0) END, ['ev.access'] FROM members LEFT JOIN used AS u USING (subject)
    UNION ALL
    SELECT subject, 'C', CASE WHEN area <> 'signing_key' THEN 'NOT_APPLICABLE' WHEN coalesce(u.unapproved, 0) = 0 THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN area <> 'signing_key' THEN 'not the signing key' ELSE 'uses: ' || coalesce(u.uses, 0) || ', outside the pack job or without two approvals: ' || coalesce(u.unapproved, 0) END, ['ev.access'] FROM members LEFT JOIN used AS u USING (subject)
    UNION ALL
    SELECT subject, 'D', CASE WHEN NOT person THEN 'NOT_APPLICABLE' WHEN coalesce(u.deletes + u.unreviewed, 0) = 0 THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN NOT person THEN 'no person' ELSE 'accesses: ' || coalesce(u.uses, 0) || ', not reviewed by another person by the next month: ' || coalesce(u.unreviewed, 0) || ', deletions: ' || coalesce(u.deletes, 0) END, ['ev.access'] FROM members LEFT JOIN used AS u USING (subject)
    UNION ALL
    SELECT subject, 'E', CASE WHEN coalesce(u.uploads, 0) = 0 THEN 'NOT_APPLICABLE' WHEN u.tainted = 0 THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN coalesce(u.uploads, 0) = 0 THEN 'uploaded nothing, as far as known' ELSE 'uploads: ' || u.uploads || ', by the owner of the control alone or without its metadata: ' || u.tainted END, ['ev.access'] FROM members LEFT JOIN used AS u USING (subject)
)
SELECT 'principals' AS population, a.subject, a.attribute, a.verdict, a.reason, m.as_of AS event_time, proofs(list_concat(m.proofs, CASE WHEN a.attribute = 'A' THEN coalesce(t.proofs, []) ELSE coalesce(u.proofs, []) END)) AS evidence,
    $period_start AS window_start, $period_end - INTERVAL 1 MICROSECOND AS window_end, a.needs
FROM answers AS a JOIN members AS m USING (subject) LEFT JOIN tested AS t USING (subject) LEFT JOIN used AS u USING (subject)
