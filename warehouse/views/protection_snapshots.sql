-- Each observation of a protected branch's settings: which of the required ones were off. Rulesets count where they are
-- active, cover the branch and nobody may bypass them; classic protection counts where it binds administrators.
WITH observed AS (
    SELECT r.repo, b.branch, s.sox_critical, s.required_checks, date_trunc('hour', r.as_of) AS slot, r.as_of, r.evidence,
        CASE WHEN r.target = 'branch' AND r.enforcement = 'active' AND coalesce(json_array_length(r.bypass_actors), 0) = 0
            AND len(list_filter(CAST(r.conditions -> '$.ref_name.include' AS VARCHAR[]),
                lambda p: p IN ('~ALL', '~DEFAULT_BRANCH') OR 'refs/heads/' || b.branch GLOB p)) > 0
            AND len(list_filter(coalesce(CAST(r.conditions -> '$.ref_name.exclude' AS VARCHAR[]), []),
                lambda p: 'refs/heads/' || b.branch GLOB p)) = 0
        THEN CAST(r.rules AS JSON) ELSE CAST('[]' AS JSON) END AS rules, NULL AS classic
    FROM github_rulesets AS r
    JOIN scope_branches AS b ON b.repo = r.repo
    JOIN scope_repositories AS s ON s.repo = b.repo
    UNION ALL
    SELECT p.repo, p.branch, s.sox_critical, s.required_checks, date_trunc('hour', p.as_of), p.as_of, p.evidence, NULL,
        {'approvals': CASE WHEN p.reviews_required THEN p.required_approving_review_count END,
         'stale': p.dismiss_stale_reviews, 'last_push': p.require_last_push_approval, 'owners': p.require_code_owner_reviews,
         'admins': p.enforce_admins,
         'open': len(list_filter(['users', 'teams', 'apps'], lambda k: json_array_length(json_extract(p.bypass_allowances, '$.' || k)) > 0)) = 0,
         'strict': p.strict_status_checks, 'checks': list_concat(
            coalesce(CAST(p.status_check_contexts AS JSON)::VARCHAR[], []), coalesce(json_extract_string(p.status_checks, '$[*].context'), [])),
         'no_force': NOT coalesce(p.allow_force_pushes, false), 'no_deletion': NOT coalesce(p.allow_deletions, false),
         'there': p.message IS NULL}
    FROM github_branch_protection AS p
    JOIN scope_branches AS b ON b.repo = p.repo AND b.branch = p.branch
    JOIN scope_repositories AS s ON s.repo = b.repo
), single AS (
    SELECT o.* EXCLUDE (rules, classic), r.value ->> '$.type' AS rule, r.value -> '$.parameters' AS x
    FROM observed AS o, json_each(o.rules) AS r
), effective AS (
    SELECT repo, branch, slot,
        coalesce(max(TRY_CAST(x ->> '$.required_approving_review_count' AS BIGINT)) FILTER (rule = 'pull_request'), 0) AS approvals,
        coalesce(bool_or(CAST(x ->> '$.dismiss_stale_reviews_on_push' AS BOOLEAN)), false) AS stale,
        coalesce(bool_or(CAST(x ->> '$.require_last_push_approval' AS BOOLEAN)), false) AS last_push,
        coalesce(bool_or(CAST(x ->> '$.require_code_owner_review' AS BOOLEAN)), false) AS owners,
        coalesce(bool_or(CAST(x ->> '$.strict_required_status_checks_policy' AS BOOLEAN)), false) AS strict,
        coalesce(flatten(list(json_extract_string(x, '$.required_status_checks[*].context')) FILTER (rule = 'required_status_checks')), []) AS checks,
        bool_or(rule = 'non_fast_forward') AS no_force, bool_or(rule = 'deletion') AS no_deletion
    FROM single GROUP BY ALL
), slots AS (
    SELECT repo, branch, slot, any_value(sox_critical) AS sox_critical, any_value(required_checks) AS required_checks,
        min(as_of) AS as_of, any_value(classic) AS classic, proofs(list(evidence)) AS evidence
    FROM observed GROUP BY repo, branch, slot
), settings AS (
    SELECT s.*, classic.there AND classic.admins AND classic.open AS bound,
        greatest(coalesce(e.approvals, 0), CASE WHEN bound THEN coalesce(classic.approvals, 0) ELSE 0 END) AS approvals,
        coalesce(e.stale, false) OR coalesce(bound AND classic.stale, false) AS stale,
        coalesce(e.last_push, false) OR coalesce(bound AND classic.last_push, false) AS last_push,
        coalesce(e.owners, false) OR coalesce(bound AND classic.owners, false) AS owners,
        coalesce(e.strict, false) OR coalesce(bound AND classic.strict, false) AS strict,
        list_concat(coalesce(e.checks, []), CASE WHEN bound THEN classic.checks ELSE [] END) AS checks,
        coalesce(e.no_force, false) OR coalesce(bound AND classic.no_force, false) AS no_force,
        coalesce(e.no_deletion, false) OR coalesce(bound AND classic.no_deletion, false) AS no_deletion,
        approvals_needed('CHG-02', sox_critical, as_of) AS needed
    FROM slots AS s LEFT JOIN effective AS e ON e.repo = s.repo AND e.branch = s.branch AND e.slot = s.slot
)
SELECT repo, branch, as_of, local_day(as_of) AS day, evidence,
    list_filter([
        CASE WHEN approvals < needed THEN 'required approvals: ' || approvals || ' of ' || needed END,
        CASE WHEN NOT stale THEN 'a push does not dismiss approvals' END,
        CASE WHEN NOT last_push THEN 'the last push needs no approval' END,
        CASE WHEN sox_critical AND NOT owners THEN 'code owners need not approve' END,
        CASE WHEN NOT strict THEN 'status checks are not strict' END,
        CASE WHEN NOT list_has_all(checks, required_checks) THEN 'a required status check is missing' END,
        CASE WHEN NOT no_force THEN 'force pushes are allowed' END,
        CASE WHEN NOT no_deletion THEN 'deletion is allowed' END
    ], lambda f: f IS NOT NULL) AS failing
FROM settings
