WITH members AS (
    SELECT namespace || '/' || workload || '/' || container || '@' || digest AS subject, any_value(digest) AS digest, any_value(image_repo) AS image_repo, min(as_of) AS seen_at,
        max(kind) AS kind, bool_and(coalesce(contains(image_ref, '@sha256:'), false)) AS by_digest, min(image_ref) AS image_ref, list_distinct(list(deployed_sha)) AS shas,
        bool_or(image_repo IN (SELECT image FROM scope_repositories WHERE image IS NOT NULL)) AS own, list(evidence) AS proofs
    FROM running_containers WHERE as_of >= $period_start AND as_of < $period_end
    GROUP BY subject
), built AS (
    SELECT m.subject, bool_or(p.workflow_path = (SELECT value FROM scope_values WHERE name = 'build_workflow') AND list_contains(m.shas, p.git_commit)) AS approved,
        string_agg(DISTINCT coalesce(p.workflow_path, p.builder_id) || ' of ' || left(p.git_commit, 7), ', ') AS found, list(p.evidence) AS proofs
    FROM members AS m
    JOIN registry_provenance AS p ON 'sha256:' || p.subject_sha256 = m.digest OR list_contains(json_extract_string(p.subjects, '$[*].digest.sha256'), substr(m.digest, 8))
    GROUP BY m.subject
)
SELECT 'images' AS population, m.subject, 'A' AS attribute, CASE WHEN NOT m.own THEN 'NOT_APPLICABLE' WHEN b.approved THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
    CASE WHEN NOT m.own THEN 'an image of others (D)' WHEN b.subject IS NULL THEN 'no provenance' WHEN b.approved THEN 'built by ' || b.found ELSE 'its provenance names ' || b.found || ', not the approved build of the deployed commit' END AS reason,
    m.seen_at AS event_time, proofs(list_concat(m.proofs, coalesce(b.proofs, []))) AS evidence
FROM members AS m LEFT JOIN built AS b USING (subject)
UNION ALL
SELECT 'images', subject, 'B', CASE WHEN by_digest THEN 'PASS' ELSE 'EXCEPTION' END, 'asked for as ' || image_ref, seen_at, proofs(proofs) FROM members
UNION ALL
SELECT 'images', subject, 'D', CASE WHEN own THEN 'NOT_APPLICABLE' WHEN digest IN (SELECT worker_id FROM scope_people WHERE role = 'approved_digests') THEN 'PASS' ELSE 'EXCEPTION' END,
    CASE WHEN own THEN 'the company''s own image (A)' ELSE 'an image of others: ' || image_repo END, seen_at, proofs(proofs) FROM members
UNION ALL
SELECT 'images', subject, 'E', 'PASS', 'counted as ' || kind, seen_at, proofs(proofs) FROM members
