-- Autoscalers of production's pods and node groups of the infrastructure, with every observation of their bounds. A pod
-- autoscaler that only events tell of has no observation.
WITH events AS (
    SELECT namespace, object_name AS name, count(*) FILTER (reason = 'FailedGetResourceMetric') AS failures, min(event_time) AS first_at, max(event_time) FILTER (reason = 'FailedGetResourceMetric') AS failed_at, list(evidence) AS proofs
    FROM kubernetes_events WHERE object_kind = 'HorizontalPodAutoscaler' AND namespace IN (SELECT namespace FROM scope_namespaces) GROUP BY ALL
), groups AS (
    SELECT CASE r.value ->> '$.type' WHEN 'aws_eks_node_group' THEN 'NodeGroup' ELSE 'AutoScalingGroup' END AS kind, regexp_replace(concat_ws('-', r.value ->> '$.name', i.value ->> '$.index_key'), '[^\w.:-]', '-', 'g') AS name, v.last_modified AS as_of,
        TRY_CAST(i.value ->> '$.attributes.min_size' AS BIGINT) AS least_size, TRY_CAST(i.value ->> '$.attributes.max_size' AS BIGINT) AS most, TRY_CAST(i.value ->> '$.attributes.desired_size' AS BIGINT) AS held, v.evidence
    FROM terraform_states AS v JOIN scope_state_keys AS k ON k.bucket = v.s3_bucket AND k.key = v.s3_key, json_each(v.resources) AS r, json_each(r.value -> '$.instances') AS i
    WHERE v.row_status = 'first' AND (r.value ->> '$.type') IN ('aws_eks_node_group', 'aws_autoscaling_group')
)
SELECT 'kubernetes:HorizontalPodAutoscaler/' || namespace || '/' || name AS subject, as_of, coalesce(min_replicas, 1) AS least_size, max_replicas AS most, current_replicas AS held, scaling_active, 0 AS failures, NULL::TIMESTAMPTZ AS failed_at, [evidence] AS proofs
FROM kubernetes_autoscalers WHERE namespace IN (SELECT namespace FROM scope_namespaces)
UNION ALL
SELECT 'kubernetes:HorizontalPodAutoscaler/' || namespace || '/' || name, first_at, NULL, NULL, NULL, NULL, failures, failed_at, proofs FROM events
UNION ALL
SELECT 'aws:' || kind || '/-/' || name, as_of, least_size, most, held, NULL, 0, NULL, [evidence] FROM groups
