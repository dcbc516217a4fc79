-- Each observation of a protected branch's settings: which of the required ones were off (`failing`), which cannot be told
-- (`unknown`), and what the source did not say (`missing`). Rulesets count where they are active, cover the branch and nobody
-- may bypass them; classic protection counts where it binds administrators. GitHub tells who may bypass a ruleset to its
-- administrators only, and lists rulesets without conditions and rules: what is absent is unknown, neither on nor off.
WITH rulesets AS (
    SELECT r.repo, b.branch, date_trunc('hour', r.as_of) AS slot, r.as_of, r.evidence, coalesce(r.name, CAST(r.ruleset_id AS VARCHAR)) AS name,
        CASE WHEN json_type(r.rules) = 'ARRAY' THEN r.rules END AS rules,
        r.target = 'branch' AND r.enforcement = 'active'
            AND len(list_filter(CAST(r.conditions -> '$.ref_name.include' AS VARCHAR[]),
                lambda p: p IN ('~ALL', '~DEFAULT_BRANCH') OR 'refs/heads/' || b.branch GLOB p)) > 0
            AND len(list_filter(CAST(r.conditions -> '$.ref_name.exclude' AS VARCHAR[]), lambda p: 'refs/heads/' || b.branch GLOB p)) = 0 AS applies,
        CASE WHEN json_type(r.bypass_actors) = 'ARRAY' THEN json_array_length(r.bypass_actors) = 0 END AS closed
    FROM github_rulesets AS r JOIN scope_branches AS b ON b.repo = r.repo
), classic AS (
    SELECT p.repo, p.branch, date_trunc('hour', p.as_of) AS slot, p.as_of, p.evidence, p.* EXCLUDE (repo, branch, as_of, evidence),
        p.message IS NULL AND p.enforce_admins
            AND len(list_filter(['users', 'teams', 'apps'], lambda k: json_array_length(json_extract(p.bypass_allowances, '$.' || k)) > 0)) = 0 AS binds,
        list_concat(coalesce(CAST(p.status_check_contexts AS JSON)::VARCHAR[], []), coalesce(json_extract_string(p.status_checks, '$[*].context'), [])) AS checks
    FROM github_branch_protection AS p JOIN scope_branches AS b ON b.repo = p.repo AND b.branch = p.branch
), observed AS (
    SELECT repo, branch, slot, as_of, evidence, CASE WHEN applies IS DISTINCT FROM false AND closed IS DISTINCT FROM false THEN list_filter([
            CASE WHEN closed IS NULL THEN 'who may bypass ruleset ' || name END, CASE WHEN applies IS NULL THEN 'what ruleset ' || name || ' covers' END,
            CASE WHEN rules IS NULL THEN 'the rules of ruleset ' || name END], lambda m: m IS NOT NULL) ELSE [] END AS missing
    FROM rulesets
    UNION ALL
    SELECT repo, branch, slot, as_of, evidence, CASE WHEN message IS NULL THEN list_filter([
            CASE WHEN enforce_admins IS NULL THEN 'whether administrators are bound' END, CASE WHEN allow_force_pushes IS NULL THEN 'whether force pushes are allowed' END,
            CASE WHEN allow_deletions IS NULL THEN 'whether deletion is allowed' END], lambda m: m IS NOT NULL) ELSE [] END
    FROM classic
), slots AS (
    SELECT o.repo, o.branch, o.slot, s.sox_critical, s.required_checks, min(o.as_of) AS as_of, proofs(list(o.evidence)) AS evidence,
        list_sort(list_distinct(flatten(list(o.missing)))) AS missing, approvals_needed('CHG-02', s.sox_critical, min(o.as_of)) AS needed
    FROM observed AS o JOIN scope_repositories AS s ON s.repo = o.repo
    GROUP BY o.repo, o.branch, o.slot, s.sox_critical, s.required_checks
), single AS (
    SELECT r.repo, r.branch, r.slot, r.applies AND r.closed AS binds, x.value ->> '$.type' AS rule, x.value -> '$.parameters' AS x
    FROM rulesets AS r, json_each(r.rules) AS x
), told AS (
    -- A setting's name, and whether this source has it on; for approvals the number, for checks the names.
    SELECT repo, branch, slot, binds, unnest(CASE rule
        WHEN 'pull_request' THEN [
            {'setting': 'approvals', 'held': NULL::BOOLEAN, 'number': TRY_CAST(x ->> '$.required_approving_review_count' AS BIGINT), 'names': NULL::VARCHAR[]},
            {'setting': 'stale', 'held': CAST(x ->> '$.dismiss_stale_reviews_on_push' AS BOOLEAN), 'number': NULL, 'names': NULL},
            {'setting': 'last push', 'held': CAST(x ->> '$.require_last_push_approval' AS BOOLEAN), 'number': NULL, 'names': NULL},
            {'setting': 'owners', 'held': CAST(x ->> '$.require_code_owner_review' AS BOOLEAN), 'number': NULL, 'names': NULL}]
        WHEN 'required_status_checks' THEN [
            {'setting': 'strict', 'held': CAST(x ->> '$.strict_required_status_checks_policy' AS BOOLEAN), 'number': NULL, 'names': NULL},
            {'setting': 'checks', 'held': NULL, 'number': NULL, 'names': json_extract_string(x, '$.required_status_checks[*].context')}]
        WHEN 'non_fast_forward' THEN [{'setting': 'no force', 'held': true, 'number': NULL, 'names': NULL}]
        WHEN 'deletion' THEN [{'setting': 'no deletion', 'held': true, 'number': NULL, 'names': NULL}] ELSE [] END, recursive := true)
    FROM single WHERE binds IS DISTINCT FROM false
    UNION ALL
    SELECT repo, branch, slot, NULL, w.setting, NULL, NULL, NULL
    FROM rulesets, (VALUES ('approvals'), ('stale'), ('last push'), ('owners'), ('strict'), ('checks'), ('no force'), ('no deletion')) AS w(setting)
    WHERE rules IS NULL AND (applies AND closed) IS DISTINCT FROM false
    UNION ALL
    SELECT repo, branch, slot, binds, unnest([
        {'setting': 'approvals', 'held': NULL::BOOLEAN, 'number': CASE WHEN reviews_required THEN required_approving_review_count ELSE 0 END, 'names': NULL::VARCHAR[]},
        {'setting': 'stale', 'held': coalesce(dismiss_stale_reviews, false), 'number': NULL, 'names': NULL},
        {'setting': 'last push', 'held': coalesce(require_last_push_approval, false), 'number': NULL, 'names': NULL},
        {'setting': 'owners', 'held': coalesce(require_code_owner_reviews, false), 'number': NULL, 'names': NULL},
        {'setting': 'strict', 'held': coalesce(strict_status_checks, false), 'number': NULL, 'names': NULL},
        {'setting': 'checks', 'held': NULL, 'number': NULL, 'names': checks},
        {'setting': 'no force', 'held': NOT allow_force_pushes, 'number': NULL, 'names': NULL},
        {'setting': 'no deletion', 'held': NOT allow_deletions, 'number': NULL, 'names': NULL}], recursive := true)
    FROM classic WHERE binds IS DISTINCT FROM false
), wanted AS (
    SELECT s.repo, s.branch, s.slot, s.needed, unnest(list_concat([
        {'setting': 'approvals', 'name': NULL::VARCHAR, 'off': 'fewer approvals than ' || s.needed || ' are required'},
        {'setting': 'stale', 'name': NULL, 'off': 'a push does not dismiss approvals'}, {'setting': 'last push', 'name': NULL, 'off': 'the last push needs no approval'},
        {'setting': 'strict', 'name': NULL, 'off': 'status checks are not strict'}, {'setting': 'no force', 'name': NULL, 'off': 'force pushes are allowed'},
        {'setting': 'no deletion', 'name': NULL, 'off': 'deletion is allowed'}],
        CASE WHEN s.sox_critical THEN [{'setting': 'owners', 'name': NULL, 'off': 'code owners need not approve'}] ELSE [] END,
        list_transform(s.required_checks, lambda c: {'setting': 'checks', 'name': c, 'off': 'status check ' || c || ' is not required'})), recursive := true)
    FROM slots AS s
), held AS (
    SELECT w.repo, w.branch, w.slot, w.off, t.setting IS NOT NULL AS said,
        t.binds AND CASE w.setting WHEN 'approvals' THEN t.number >= w.needed WHEN 'checks' THEN list_contains(t.names, w.name) ELSE t.held END AS is_on
    FROM wanted AS w LEFT JOIN told AS t ON t.repo = w.repo AND t.branch = w.branch AND t.slot = w.slot AND t.setting = w.setting
), summed AS (
    -- One source that has the setting on is enough; without one, a source that does not say leaves it unknown.
    SELECT repo, branch, slot, off, coalesce(bool_or(is_on), false) AS is_on, coalesce(bool_or(said AND is_on IS NULL), false) AS unsaid
    FROM held GROUP BY ALL
)
SELECT s.repo, s.branch, s.as_of, local_day(s.as_of) AS day, s.evidence, s.missing,
    list_sort(coalesce(list(h.off) FILTER (NOT h.is_on AND NOT h.unsaid), [])) AS failing,
    list_sort(coalesce(list(h.off) FILTER (NOT h.is_on AND h.unsaid), [])) AS unknown
FROM slots AS s JOIN summed AS h ON h.repo = s.repo AND h.branch = s.branch AND h.slot = s.slot
GROUP BY ALL
