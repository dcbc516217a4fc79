-- One row per scan of an image by any tool: digest, repository of the image, and what it found (NULL: the report does not say).
WITH scans AS (
    SELECT 'trivy' AS tool, coalesce(digest, nullif(regexp_extract(artifact_name, '(sha256:[0-9a-f]{64})', 1), '')) AS digest, artifact_name AS image_ref,
        created_at AS scanned_at, NULL::TIMESTAMPTZ AS db_built_at, vulnerabilities, evidence FROM scanners_trivy
    UNION ALL
    SELECT 'grype', nullif(regexp_extract(image_digest, '(sha256:[0-9a-f]{64})', 1), ''), image_digest, created_at, db_built_at, vulnerabilities, evidence FROM scanners_grype
    UNION ALL
    SELECT 'twistlock', nullif(regexp_extract(image_id, '(sha256:[0-9a-f]{64})', 1), ''), image_name, created_at, NULL, vulnerabilities, evidence FROM scanners_twistlock
)
SELECT tool, digest, image_ref, regexp_replace(image_ref, '(@sha256:[0-9a-f]+|:[^/:]+)$', '') AS image_repo, scanned_at, db_built_at, evidence,
    list_transform(json_extract(vulnerabilities, '$[*]'), lambda v: {
        'id': v ->> '$.id', 'package': coalesce(v ->> '$.package', v ->> '$.packageName'), 'severity': lower(v ->> '$.severity')}) AS found
FROM scans WHERE scanned_at IS NOT NULL
