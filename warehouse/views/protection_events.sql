-- Audit events that weaken or restore a required setting of a protected branch in scope, one row per branch and setting.
-- `weakens` is NULL where the event does not tell what it set. A ruleset concerns the branches that its snapshots cover, or all of the repository's where no snapshot knows it.
WITH touched AS (
    SELECT DISTINCT r.ruleset_id, r.repo, b.branch
    FROM github_rulesets AS r JOIN scope_branches AS b ON b.repo = r.repo
    WHERE len(list_filter(CAST(r.conditions -> '$.ref_name.include' AS VARCHAR[]),
        lambda p: p IN ('~ALL', '~DEFAULT_BRANCH') OR 'refs/heads/' || b.branch GLOB p)) > 0
), told AS (
    SELECT a.*, coalesce(nullif(a.name, ''), a.branch) AS pattern,
        regexp_extract(a.action, '^protected_branch\.update_(\w+_enforcement_level)$', 1) AS level_name,
        TRY_CAST(a.fields ->> ('$.' || coalesce(nullif(regexp_extract(a.action, '^protected_branch\.update_(\w+_enforcement_level)$', 1), ''), 'none')) AS BIGINT) AS level,
        lower(a.ruleset_enforcement) IN ('disabled', 'evaluate') AS enforcement_off,
        coalesce(json_array_length(a.ruleset_bypass_actors_added), 0) AS bypasses,
        coalesce(json_array_length(a.fields -> '$.ruleset_bypass_actors_deleted'), 0) AS bypasses_gone,
        len(list_filter(coalesce(json_extract_string(a.ruleset_rules_deleted, '$[*].type'), []), lambda t: t IN (
            'pull_request', 'required_status_checks', 'non_fast_forward', 'deletion'))) AS rules_gone,
        coalesce(json_array_length(a.fields -> '$.ruleset_rules_added'), 0) AS rules_added
    FROM github_audit_log AS a
    WHERE a.row_status = 'first' AND regexp_matches(a.action,
        '^(protected_branch|repository_ruleset|repository_branch_protection_evaluation|required_status_check)\.')
), classic AS (
    SELECT t.*, b.branch AS on_branch,
        CASE WHEN t.action IN ('protected_branch.destroy', 'protected_branch.create') THEN ['protection']
             WHEN t.action = 'protected_branch.update_admin_enforced' THEN ['administrators']
             WHEN t.level_name IN ('pull_request_reviews_enforcement_level', 'required_status_checks_enforcement_level',
                'allow_force_pushes_enforcement_level', 'allow_deletions_enforcement_level') THEN [t.level_name]
             WHEN t.action LIKE 'repository_branch_protection_evaluation.%' THEN ['evaluation']
             WHEN t.action LIKE 'required_status_check.%' THEN ['status check'] ELSE [] END AS settings,
        CASE WHEN t.action IN ('protected_branch.destroy', 'repository_branch_protection_evaluation.disable', 'required_status_check.destroy') THEN true
             WHEN t.action = 'protected_branch.update_admin_enforced' THEN NOT t.admin_enforced
             WHEN t.level_name LIKE 'allow\_%' ESCAPE '\' THEN t.level > 0
             WHEN t.level_name <> '' THEN t.level = 0 ELSE false END AS weakens
    FROM told AS t
    JOIN scope_branches AS b ON b.repo = t.repo AND (t.pattern IS NULL OR b.branch GLOB replace(t.pattern, 'refs/heads/', ''))
    WHERE t.action NOT LIKE 'repository_ruleset.%'
), rulesets AS (
    SELECT t.*, b.branch AS on_branch, b.repo AS on_repo,
        list_filter([
            CASE WHEN t.action IN ('repository_ruleset.destroy', 'repository_ruleset.create') THEN 'ruleset' END,
            CASE WHEN t.action = 'repository_ruleset.update' AND t.ruleset_enforcement IS NOT NULL THEN 'enforcement' END,
            CASE WHEN t.bypasses > 0 OR t.bypasses_gone > 0 THEN 'bypass' END,
            CASE WHEN t.action = 'repository_ruleset.update' AND (t.rules_gone > 0 OR t.rules_added > 0) THEN 'rules' END
        ], lambda s: s IS NOT NULL) AS settings
    FROM told AS t
    JOIN scope_branches AS b ON (t.repo IS NULL OR b.repo = t.repo)
    LEFT JOIN touched AS k ON k.ruleset_id = t.ruleset_id AND k.repo = b.repo AND k.branch = b.branch
    WHERE t.action LIKE 'repository_ruleset.%'
        AND (k.ruleset_id IS NOT NULL OR (t.repo IS NOT NULL AND t.ruleset_id NOT IN (SELECT ruleset_id FROM touched)))
)
SELECT repo, on_branch AS branch, unnest(settings) AS setting, event_time AS told_at, weakens, actor_id, document_id, action, evidence
FROM classic
UNION ALL
SELECT on_repo, on_branch, CASE WHEN setting = 'ruleset' THEN setting ELSE 'ruleset ' || ruleset_id || ' ' || setting END, event_time,
    CASE setting WHEN 'ruleset' THEN action = 'repository_ruleset.destroy' WHEN 'enforcement' THEN enforcement_off
        WHEN 'bypass' THEN bypasses > 0 ELSE rules_gone > 0 END,
    actor_id, document_id, action, evidence
FROM (SELECT *, unnest(settings) AS setting FROM rulesets)
