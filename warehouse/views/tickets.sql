-- Tickets as they stand, with what their scope names and the incident that they refer to.
SELECT t.*, t.scope ->> '$.repo' AS scope_repo, TRY_CAST(t.scope ->> '$.pr' AS BIGINT) AS scope_pull,
    TRY_CAST(t.scope ->> '$.deployment' AS BIGINT) AS scope_deployment, t.scope ->> '$.system' AS scope_system,
    i.severity, i.created_at AS incident_at, i.resolved_at AS incident_resolved_at, i.evidence AS incident_evidence
FROM (
    FROM company_tickets QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
) AS t
LEFT JOIN (
    FROM company_incidents QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
) AS i ON i.incident_id = t.incident
