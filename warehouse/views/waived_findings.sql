-- Findings that an authorised waiver covers while it is valid: what its scope names as rule, vulnerability or package.
SELECT waiver_id, control, attribute, scope ->> '$.repo' AS repo, coalesce(scope ->> '$.rule', scope ->> '$.vulnerability', scope ->> '$.finding') AS finding,
    coalesce(scope ->> '$.asset', scope ->> '$.image') AS asset, created_at, valid_from, valid_to, evidence
FROM authorised_waivers
