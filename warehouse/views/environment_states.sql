-- Resources in Terraform's states, per stored version and until the next, with the environment that the state belongs to: a
-- state in scope is production's, of any other the part of its key after `env/`, else its first part.
SELECT t.s3_bucket || '/' || t.s3_key AS state, k.state IS NOT NULL AS production, coalesce(nullif(regexp_extract(t.s3_key, '(?:^|/)env(?:ironments?)?/([^/]+)', 1), ''), split_part(split_part(t.s3_key, '/', 1), '.', 1)) AS environment,
    t.last_modified AS since, lead(t.last_modified) OVER (PARTITION BY t.s3_bucket, t.s3_key ORDER BY t.last_modified, t.serial) AS until, t.resources, t.evidence
FROM terraform_states AS t LEFT JOIN scope_state_keys AS k ON k.bucket = t.s3_bucket AND k.key = t.s3_key
WHERE t.last_modified IS NOT NULL AND t.row_status = 'first'
