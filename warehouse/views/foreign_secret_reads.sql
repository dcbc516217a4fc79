-- Answered reads of production's secrets by machines of another environment: one that the register places there, or a workload
-- of a namespace that is not production's.
SELECT s.subject, s.called_at, s.principal, s.path, s.call_proofs AS proofs, coalesce(n.fields ->> '$.environment', regexp_extract(n.nhi_id, '^k8s-sa:([^/]+)/', 1)) AS environment
FROM secret_accesses AS s JOIN non_human_identities AS n ON n.nhi_id = s.principal
WHERE s.answered AND NOT s.refused AND CASE WHEN (n.fields ->> '$.environment') IS NOT NULL THEN (n.fields ->> '$.environment') NOT IN (SELECT environment FROM scope_environments)
    ELSE n.kind = 'workload' AND n.nhi_id LIKE 'k8s-sa:%' AND regexp_extract(n.nhi_id, '^k8s-sa:([^/]+)/', 1) NOT IN (SELECT namespace FROM scope_namespaces) END
