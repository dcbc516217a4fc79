-- One row per Vault call: request and response lines of all audit devices together. `refused`: an answer bears an error.
SELECT request_id, min(event_time) AS called_at, any_value(operation) AS operation, any_value(path) AS path,
    any_value(mount_type) AS mount_type, any_value(remote_ip) AS remote_ip, any_value(entity_id) AS entity_id,
    any_value(display_name) AS display_name, any_value(coalesce(auth_accessor_hmac, client_token_accessor_hmac)) AS accessor,
    any_value(coalesce(auth_client_token_hmac, client_token_hmac)) AS token, any_value(role) AS role, any_value(policies) AS policies,
    any_value(token_type) AS token_type,
    bool_or(is_root OR coalesce(list_contains(json_extract_string(token_policies, '$[*]'), 'root'), false)) AS is_root,
    bool_or(type = 'response') AS answered, bool_or(coalesce(error, '') <> '') AS refused, any_value(error) AS error, proofs(list(evidence)) AS proofs
FROM vault_audit
WHERE request_id IS NOT NULL
GROUP BY request_id
