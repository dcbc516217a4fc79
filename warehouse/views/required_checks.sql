-- Status checks that a protected branch's rulesets and classic protection required, per day.
SELECT r.repo, b.branch, local_day(r.as_of) AS day, json_extract_string(x.value, '$.parameters.required_status_checks[*].context') AS checks
FROM github_rulesets AS r JOIN scope_branches AS b ON b.repo = r.repo, json_each(r.rules) AS x
WHERE r.enforcement = 'active' AND (x.value ->> '$.type') = 'required_status_checks'
    AND len(list_filter(CAST(r.conditions -> '$.ref_name.include' AS VARCHAR[]), lambda p: p IN ('~ALL', '~DEFAULT_BRANCH') OR 'refs/heads/' || b.branch GLOB p)) > 0
UNION ALL
SELECT p.repo, p.branch, local_day(p.as_of), list_concat(coalesce(CAST(p.status_check_contexts AS JSON)::VARCHAR[], []), coalesce(json_extract_string(p.status_checks, '$[*].context'), []))
FROM github_branch_protection AS p
