-- The register of non-human identities as it stands.
SELECT * FROM identity_non_human
QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
