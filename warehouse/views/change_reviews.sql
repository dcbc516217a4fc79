-- One row per merged change: what its approvals, reviews and contributors amount to, as CHG-01 asks and others reuse.
WITH approved AS (
    SELECT change, list(principal ORDER BY principal) FILTER (independent) AS independent,
        count(*) FILTER (independent) AS sure, count(*) FILTER (independent IS NULL) AS perhaps, count(*) AS people,
        count(*) FILTER (independent IS DISTINCT FROM false AND current) AS current_sure,
        count(*) FILTER (independent IS DISTINCT FROM false AND current IS NULL) AS current_perhaps,
        string_agg(unreviewed, ', ') FILTER (independent IS DISTINCT FROM false AND NOT current) AS unreviewed,
        count(*) FILTER (independent IS DISTINCT FROM false AND may_write AND employed) AS entitled_sure,
        count(*) FILTER (independent IS DISTINCT FROM false AND coalesce(may_write, true) AND coalesce(employed, true)) AS entitled_perhaps,
        flatten(list(review_proofs)) AS review_proofs, flatten(list(commit_proofs)) AS commit_proofs,
        flatten(list(access_proofs)) AS access_proofs
    FROM change_approvals GROUP BY change
), contributing AS (
    SELECT change, list(principal ORDER BY principal) AS contributors, bool_or(NOT resolved) AS unresolved,
        flatten(list(proofs)) AS proofs
    FROM change_contributors GROUP BY change
), reviewed AS (
    SELECT change, bool_or(bot AND before_merge AND state_then = 'APPROVED') AS bot_approved,
        bool_or(NOT bot AND NOT before_merge AND state_before = 'APPROVED') AS approved_late,
        min(submitted_at) FILTER (NOT bot AND NOT before_merge AND state_before = 'APPROVED') AS late_at,
        list(principal) FILTER (NOT bot AND NOT before_merge AND state_before = 'APPROVED') AS late_approvers,
        flatten(list(evidence)) AS proofs
    FROM reviews_at_merge GROUP BY change
), counted AS (
    SELECT c.change, count(m.sha) AS held FROM merged_changes AS c
    LEFT JOIN pull_commits AS m ON m.repo = c.repo AND m.pull_number = c.number GROUP BY c.change
)
SELECT c.change, c.repo, c.number, c.pull_id, c.base_ref, c.service, c.sox_critical, c.needed, c.created_at, c.merged_at,
    c.merge_commit_sha, c.head_sha, c.user_id, c.merged_by_id, c.labels, c.evidence,
    coalesce(a.independent, []) AS independent, coalesce(a.sure, 0) AS sure, coalesce(a.perhaps, 0) AS perhaps,
    coalesce(a.people, 0) AS people, coalesce(a.current_sure, 0) AS current_sure, coalesce(a.current_perhaps, 0) AS current_perhaps,
    a.unreviewed, coalesce(a.entitled_sure, 0) AS entitled_sure, coalesce(a.entitled_perhaps, 0) AS entitled_perhaps,
    coalesce(k.contributors, []) AS contributors, coalesce(k.unresolved, false) AS unresolved,
    coalesce(c.commits > n.held, n.held = 0) AS commits_missing, n.held,
    coalesce(r.bot_approved, false) AS bot_approved, r.late_at, coalesce(r.late_approvers, []) AS late_approvers,
    CASE WHEN coalesce(a.sure, 0) >= c.needed AND NOT (coalesce(k.unresolved, true) OR coalesce(c.commits > n.held, n.held = 0)) THEN 'PASS'
         WHEN coalesce(a.sure + a.perhaps, 0) >= c.needed THEN 'INDETERMINATE'
         ELSE 'EXCEPTION' END AS independence,
    CASE WHEN coalesce(a.sure + a.perhaps, 0) = 0 THEN 'NOT_APPLICABLE'
         WHEN a.current_sure >= c.needed THEN 'PASS'
         WHEN a.current_sure + a.current_perhaps >= c.needed THEN 'INDETERMINATE'
         WHEN a.current_sure + a.current_perhaps = a.sure + a.perhaps THEN 'NOT_APPLICABLE'
         ELSE 'EXCEPTION' END AS currency,
    proofs(list_concat([c.evidence], coalesce(r.proofs, []))) AS review_proofs,
    proofs(coalesce(a.commit_proofs, [])) AS commit_proofs, proofs(coalesce(a.access_proofs, [])) AS access_proofs,
    proofs(coalesce(k.proofs, [])) AS contributor_proofs
FROM merged_changes AS c
JOIN counted AS n ON n.change = c.change
LEFT JOIN approved AS a ON a.change = c.change
LEFT JOIN contributing AS k ON k.change = c.change
LEFT JOIN reviewed AS r ON r.change = c.change
