WITH days AS (
    SELECT CAST(unnest(generate_series(CAST(local_day($period_start) AS TIMESTAMP), CAST(local_day(least($period_end, $freeze_at)) AS TIMESTAMP) - INTERVAL 1 DAY, INTERVAL 1 DAY)) AS DATE) AS day
), members AS (
    SELECT d.day, day_start(d.day) AS starts_at, max(o.as_of) AS as_of, max_by(o.two_factor_required OR coalesce(o.managed_users, false), o.as_of) AS second_factor, max_by(o.saml_url IS NOT NULL, o.as_of) AS provider,
        max_by(o.saml_enforced OR coalesce(o.managed_users, false), o.as_of) AS enforced, list(o.evidence) AS proofs
    FROM days AS d LEFT JOIN github_organizations AS o ON local_day(o.as_of) = d.day AND lower(o.login) = lower((SELECT max(value) FROM scope_values WHERE name = 'org'))
    GROUP BY ALL
)
SELECT 'settings' AS population, 'github:' || day AS subject, 'A' AS attribute,
    CASE WHEN as_of IS NULL THEN 'INDETERMINATE' WHEN NOT second_factor OR NOT provider OR NOT enforced THEN 'EXCEPTION' WHEN second_factor AND provider AND enforced THEN 'PASS' ELSE 'INDETERMINATE' END AS verdict,
    CASE WHEN as_of IS NULL THEN 'the organisation''s settings were not observed (github.organizations)' ELSE concat_ws('; ', CASE WHEN second_factor THEN 'second factor required' WHEN NOT second_factor THEN 'no second factor required' ELSE 'second factor not known' END,
        CASE WHEN provider THEN 'identity provider set' ELSE 'no identity provider' END, CASE WHEN enforced THEN 'enforced' WHEN NOT enforced THEN 'not enforced' ELSE 'enforcement not known' END) END AS reason,
    starts_at AS event_time, proofs(proofs) AS evidence, to_json({'system': 'github'}) AS covers
FROM members
