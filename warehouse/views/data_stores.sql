-- Data stores that the infrastructure's states in scope hold, by the stretch in which a version of the state was the last one.
WITH versions AS (
    SELECT k.state, v.last_modified, v.resources, v.evidence, lead(v.last_modified) OVER (PARTITION BY k.state ORDER BY v.last_modified, v.serial NULLS LAST, v.s3_version_id) AS next_at
    FROM terraform_states AS v JOIN scope_state_keys AS k ON k.bucket = v.s3_bucket AND k.key = v.s3_key WHERE v.row_status = 'first'
)
SELECT DISTINCT regexp_replace(concat_ws('-', r.value ->> '$.name', i.value ->> '$.index_key'), '[^A-Za-z0-9_-]', '-', 'g') AS store, r.value ->> '$.type' AS kind, v.last_modified AS starts_at, coalesce(v.next_at, 'infinity') AS ends_at,
    TRY_CAST(i.value ->> '$.attributes.backup_retention_period' AS DOUBLE) AS retention_days, TRY_CAST(i.value ->> '$.attributes.deletion_protection' AS BOOLEAN) AS deletion_protection, v.evidence
FROM versions AS v, json_each(v.resources) AS r, json_each(r.value -> '$.instances') AS i
WHERE (r.value ->> '$.mode') IS DISTINCT FROM 'data'
    AND (r.value ->> '$.type') IN ('aws_db_instance', 'aws_rds_cluster', 'aws_docdb_cluster', 'aws_dynamodb_table', 'aws_s3_bucket', 'aws_efs_file_system')
