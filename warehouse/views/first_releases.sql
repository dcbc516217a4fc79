-- The first production deployment of each service, with its go-live record and what that record amounts to (DEV-01): who
-- approved before, which of the eight tests and of the seven kinds of documents are there, and what became of the old way.
WITH firsts AS (
    FROM production_deployments WHERE service IS NOT NULL QUALIFY row_number() OVER (PARTITION BY service ORDER BY created_at, deployment_id) = 1
), records AS (
    FROM company_go_lives WHERE service IS NOT NULL QUALIFY row_number() OVER (PARTITION BY service ORDER BY collected_at DESC, recorded_at DESC, record DESC) = 1
), held AS (
    SELECT f.service || ':' || f.deployment_id AS subject, f.service, f.created_at, span_at('DEV-01', 'P_DOC_AGE', f.created_at) AS document_age, span_at('DEV-01', 'P_MOVER_DAYS', f.created_at) AS grace, g.go_live_id, coalesce(g.cutover_at, f.created_at) AS cutover_at,
        coalesce(TRY_CAST(g.builders AS VARCHAR[]), []) AS builders, g.migration, g.trained_at, TRY_CAST(g.approvals AS JSON[]) AS approvals, TRY_CAST(g.tests AS JSON[]) AS tests, TRY_CAST(g.documents AS JSON[]) AS documents, TRY_CAST(g.legacy_credentials AS JSON[]) AS credentials,
        proofs([g.evidence]) AS record_proofs, f.evidence AS proofs
    FROM firsts AS f LEFT JOIN records AS g ON g.service = f.service
), approving AS (
    SELECT h.subject, list(DISTINCT regexp_replace(lower(a ->> '$.role'), '[\s_-]+', ' ', 'g')) AS roles
    FROM (SELECT subject, created_at, builders, unnest(approvals) AS a FROM held) AS h
    WHERE instant(a ->> '$.at') <= h.created_at AND (a ->> '$.by') IS NOT NULL AND NOT (lower(a ->> '$.role') LIKE 'security%' AND list_contains(h.builders, a ->> '$.by'))
    GROUP BY h.subject
), tested AS (
    SELECT h.subject, list(DISTINCT TRY_CAST(t ->> '$.number' AS BIGINT)) AS numbers FROM (SELECT subject, created_at, unnest(tests) AS t FROM held) AS h
    WHERE instant(t ->> '$.at') <= h.created_at AND (t ->> '$.tester') IS NOT NULL AND (t ->> '$.evidence') IS NOT NULL
        AND (lower(t ->> '$.result') IN ('pass', 'passed', 'success', 'ok') OR (t ->> '$.accepted_by') IS NOT NULL OR instant(t ->> '$.resolved_at') <= h.created_at)
    GROUP BY h.subject
), documented AS (
    SELECT h.subject, list(DISTINCT regexp_replace(lower(d ->> '$.kind'), '[\s_-]+', ' ', 'g')) AS kinds FROM (SELECT subject, created_at, document_age, unnest(documents) AS d FROM held) AS h
    WHERE (d ->> '$.version') IS NOT NULL AND instant(d ->> '$.reviewed_at') >= h.created_at - h.document_age AND instant(d ->> '$.reviewed_at') <= h.created_at
    GROUP BY h.subject
), old_way AS (
    SELECT h.subject, count(*) AS credentials, bool_and(coalesce(instant(c ->> '$.removed_at') <= h.cutover_at + h.grace, false)) AS removed, count(a.document_id) AS uses, list(a.evidence) AS proofs
    FROM (SELECT subject, cutover_at, grace, unnest(credentials) AS c FROM held) AS h
    LEFT JOIN github_audit_log AS a ON a.event_time > h.cutover_at + h.grace AND (CAST(a.token_id AS VARCHAR) = (c ->> '$.id') OR a.hashed_token = (c ->> '$.id'))
    GROUP BY h.subject
)
SELECT h.subject, h.service, h.created_at, h.cutover_at + h.grace AS old_way_due, h.go_live_id, h.trained_at <= h.created_at AS trained, h.migration, h.record_proofs, h.proofs,
    list_filter(['product owner', 'security', 'sre'], lambda r: NOT list_contains(coalesce(a.roles, []), r)) AS approvals_missing, list_filter(range(1, 9), lambda n: NOT list_contains(coalesce(t.numbers, []), n)) AS tests_missing,
    list_filter(['runbook', 'alert rules', 'dashboards', 'slo', 'backup policy', 'on call rota', 'dr plan'], lambda k: NOT list_contains(coalesce(d.kinds, []), k)) AS documents_missing,
    coalesce(o.credentials, 0) AS credentials, o.removed, coalesce(o.uses, 0) AS uses, coalesce(o.proofs, []) AS use_proofs
FROM held AS h LEFT JOIN approving AS a USING (subject) LEFT JOIN tested AS t USING (subject) LEFT JOIN documented AS d USING (subject) LEFT JOIN old_way AS o USING (subject)
