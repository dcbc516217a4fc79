-- Digests that a production deployment brought: named by its reference, else seen running with its commit afterwards.
SELECT d.subject, d.service_image AS image_repo, nullif(regexp_extract(d.image_ref, '(sha256:[0-9a-f]{64})', 1), '') AS digest, d.image_ref, NULL AS evidence
FROM production_deployments AS d WHERE contains(d.image_ref, '@sha256:')
UNION
SELECT d.subject, c.image_repo, c.digest, d.image_ref, min(c.evidence)
FROM production_deployments AS d
JOIN running_containers AS c ON c.deployed_sha = d.sha AND c.as_of >= d.created_at
    AND c.image_repo = coalesce(d.service_image, regexp_replace(d.image_ref, '(@sha256:[0-9a-f]+|:[^/:]+)$', ''))
WHERE NOT contains(coalesce(d.image_ref, ''), '@sha256:')
GROUP BY ALL
