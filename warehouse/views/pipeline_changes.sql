-- Merged changes that touch a pipeline's definition (CHG-14): which files, what their patches add and switch off, which
-- approvers own pipelines (scope's owners of those paths, scope entry `pipeline_owners`, team pipeline-owners), and the ticket.
WITH files AS (
    SELECT c.change, c.repo, c.number, c.merged_at, c.independent, c.contributors, f.value AS file, f.value ->> '$.filename' AS name, g.evidence
    FROM change_reviews AS c JOIN github_comparisons AS g ON g.repo = c.repo AND g.head_ref IN (c.head_sha, c.merge_commit_sha), json_each(g.files) AS f
    WHERE regexp_matches(f.value ->> '$.filename', '^\.github/(workflows|actions)/|(^|/)CODEOWNERS$|(^|/)action\.ya?ml$|(^|/)Dockerfile[^/]*$|(^|/)(docker-)?build\.sh$|(?i)(ruleset|branch[_-]protection|oidc)[^/]*(/.*)?\.tf$')
), touched AS (
    SELECT change, repo, number, merged_at, list(DISTINCT name ORDER BY name) AS names, list_distinct(flatten(list(coalesce(TRY_CAST(file -> '$.uses' AS VARCHAR[]), [])))) AS uses,
        list_distinct(flatten(list(coalesce(TRY_CAST(file -> '$.switched_off' AS VARCHAR[]), [])))) AS switched_off,
        list_distinct(list_filter(flatten(list(coalesce(TRY_CAST(file -> '$.jobs_removed' AS VARCHAR[]), []))), lambda j: NOT list_contains(flatten(list(coalesce(TRY_CAST(file -> '$.jobs_added' AS VARCHAR[]), []))), j))) AS jobs_removed,
        list(DISTINCT name) FILTER ((file ->> '$.status') = 'removed') AS removed, bool_and(TRY_CAST(file ->> '$.patched' AS BOOLEAN)) FILTER (regexp_matches(name, '^\.github/(workflows|actions)/|action\.ya?ml$') AND (file ->> '$.status') IS DISTINCT FROM 'removed') AS patched, list(evidence) AS proofs
    FROM files GROUP BY ALL
), owners AS (
    SELECT DISTINCT t.change, o.owner AS principal, NULL AS evidence FROM touched AS t JOIN scope_owned_paths AS o ON o.repo = t.repo AND len(list_filter(t.names, lambda n: n GLOB o.path)) > 0
    UNION ALL
    SELECT t.change, p.worker_id, NULL FROM touched AS t, scope_people AS p WHERE p.role = 'pipeline_owners'
    UNION ALL
    SELECT t.change, h.principal, h.evidence FROM touched AS t JOIN held_entitlements AS h ON regexp_full_match(h.object, '(?i)team (pipeline|platform|ci)[-_]?owners') AND h.as_of = (
        SELECT max(n.as_of) FROM held_entitlements AS n WHERE n.object = h.object AND n.as_of < t.merged_at + INTERVAL 1 DAY)
), owning AS (
    SELECT change, list(DISTINCT principal) AS owners, list(evidence) AS proofs FROM owners GROUP BY change
), ticketed AS (
    SELECT t.change, min(k.ticket_key) AS ticket, list(k.evidence) AS proofs
    FROM touched AS t JOIN tickets AS k ON k.scope_repo = t.repo AND k.scope_pull = t.number AND k.approved_at <= t.merged_at AND k.approver IS DISTINCT FROM k.requester
    GROUP BY t.change
)
SELECT t.change AS subject, t.merged_at, c.created_at, c.independent, c.perhaps, o.owners, t.names, t.switched_off, t.removed, t.jobs_removed, t.patched, k.ticket,
    list_filter(t.uses, lambda u: NOT (u LIKE './%' OR split_part(u, '/', 1) IN ('actions', 'github', split_part(t.repo, '/', 1)))) AS uses,
    proofs(list_concat(t.proofs, [c.evidence])) AS file_proofs, proofs(list_concat(c.review_proofs, coalesce(o.proofs, []))) AS approval_proofs, proofs(coalesce(k.proofs, [])) AS ticket_proofs
FROM touched AS t JOIN change_reviews AS c USING (change) LEFT JOIN owning AS o USING (change) LEFT JOIN ticketed AS k USING (change)
