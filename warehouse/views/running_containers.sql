-- Containers seen running in production namespaces, init and ephemeral ones too: image asked for, digest that ran, commit
-- that the pod says was deployed. The workload is the top owner, else the label `app`.
WITH pods AS (
    SELECT p.*, coalesce(CASE WHEN p.owner_kind = 'ReplicaSet' THEN regexp_replace(p.owner_name, '-[a-z0-9]+$', '') ELSE p.owner_name END,
            p.labels ->> '$.app', p.name) AS workload,
        p.annotations ->> ('$."' || (SELECT value FROM scope_values WHERE name = 'deployed_sha_annotation') || '"') AS deployed_sha
    FROM kubernetes_pods AS p
    WHERE p.namespace IN (SELECT namespace FROM scope_namespaces)
), listed AS (
    SELECT p.namespace, p.workload, p.name AS pod, p.as_of, p.deployed_sha, p.evidence, s.value AS held, p.containers AS asked, 'container' AS kind
    FROM pods AS p, json_each(p.container_statuses) AS s
    UNION ALL
    SELECT p.namespace, p.workload, p.name, p.as_of, p.deployed_sha, p.evidence, s.value, p.init_containers, 'init' FROM pods AS p, json_each(p.init_container_statuses) AS s
    UNION ALL
    SELECT p.namespace, p.workload, p.name, p.as_of, p.deployed_sha, p.evidence, s.value, p.ephemeral_containers, 'ephemeral' FROM pods AS p, json_each(p.ephemeral_container_statuses) AS s
), named AS (
    SELECT namespace, workload, pod, as_of, deployed_sha, evidence, kind, held ->> '$.name' AS container,
        nullif(regexp_extract(held ->> '$.imageID', '(sha256:[0-9a-f]{64})', 1), '') AS digest,
        coalesce(list_filter(json_extract(asked, '$[*]'), lambda c: (c ->> '$.name') = (held ->> '$.name'))[1] ->> '$.image', held ->> '$.image') AS image_ref,
        regexp_replace(held ->> '$.imageID', '^[a-z-]+://', '') AS image_id
    FROM listed
)
SELECT *, local_day(as_of) AS day, regexp_replace(coalesce(nullif(image_ref, ''), image_id), '(@sha256:[0-9a-f]+|:[^/:]+)$', '') AS image_repo
FROM named WHERE digest IS NOT NULL
