WITH members AS (
    SELECT *, list_filter(uses, lambda u: NOT regexp_matches(u, '@([0-9a-f]{40}|sha256:[0-9a-f]{64})$')) AS loose,
        (SELECT list(worker_id) FROM scope_people WHERE role = 'allowed_actions') AS allowed, CAST(CAST(parameter_at('CHG-14', 'P_REQUIRED_TEST_JOBS', merged_at) AS JSON) AS VARCHAR[]) AS required,
        (SELECT list(value) FROM scope_values WHERE name LIKE '%\_workflow' ESCAPE '\') AS gates
    FROM pipeline_changes WHERE merged_at >= $period_start AND merged_at < $period_end
), facts AS (
    SELECT *, list_filter(uses, lambda u: len(list_filter(allowed, lambda a: split_part(u, '@', 1) GLOB a OR u GLOB a)) = 0) AS foreign_uses,
        list_concat(coalesce(switched_off, []), list_filter(jobs_removed, lambda j: list_contains(required, j)), list_filter(coalesce(removed, []), lambda f: list_contains(gates, f))) AS weakened
    FROM members
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN list_has_any(independent, coalesce(owners, [])) THEN 'PASS' WHEN perhaps > 0 OR (owners IS NULL AND len(independent) > 0) THEN 'INDETERMINATE' ELSE 'EXCEPTION' END AS verdict,
        array_to_string(names, ', ') || '; ' || CASE WHEN list_has_any(independent, coalesce(owners, [])) THEN 'approved by a pipeline owner' WHEN owners IS NULL AND len(independent) > 0 THEN 'who owns pipelines is not known (scope.pipeline_owners, or a team of that name in gh.team)' WHEN len(independent) = 0 THEN 'no independent approval' ELSE 'approved by no pipeline owner' END AS reason,
        approval_proofs AS proofs, ['gh.review', 'gh.prcommit', 'gh.activity'] AS needs FROM facts
    UNION ALL
    SELECT subject, 'B', CASE WHEN len(loose) > 0 OR (allowed IS NOT NULL AND len(foreign_uses) > 0) THEN 'EXCEPTION' WHEN NOT coalesce(patched, true) THEN 'INDETERMINATE' WHEN len(uses) > 0 AND allowed IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN len(loose) > 0 THEN 'not pinned: ' || array_to_string(list_sort(loose), ', ') WHEN allowed IS NOT NULL AND len(foreign_uses) > 0 THEN 'not allowed: ' || array_to_string(list_sort(foreign_uses), ', ') WHEN NOT coalesce(patched, true) THEN 'what the patch adds is not known'
             WHEN len(uses) > 0 AND allowed IS NULL THEN 'pinned; which actions are allowed is not known (scope.allowed_actions)' WHEN len(uses) > 0 THEN 'pinned and allowed' ELSE 'no third party''s action is added' END, [], ['gh.compare'] FROM facts
    UNION ALL
    SELECT subject, 'C', CASE WHEN len(weakened) > 0 AND ticket IS NULL THEN 'EXCEPTION' WHEN len(weakened) = 0 AND NOT coalesce(patched, true) THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN len(weakened) > 0 THEN 'removed or switched off: ' || array_to_string(list_sort(weakened), ', ') || coalesce('; ticket ' || ticket, '; no ticket') WHEN NOT coalesce(patched, true) THEN 'what the patch removes is not known' ELSE 'no gate is removed or switched off' END, ticket_proofs, CASE WHEN len(weakened) > 0 THEN ['gh.compare', 'itsm.ticket'] ELSE ['gh.compare'] END FROM facts
)
SELECT 'changes' AS population, a.subject, a.attribute, a.verdict, a.reason, f.merged_at AS event_time, proofs(list_concat(f.file_proofs, a.proofs)) AS evidence, a.needs, f.created_at AS window_start, f.merged_at AS window_end, [a.subject] AS changes
FROM answers AS a JOIN facts AS f USING (subject)
UNION ALL
-- A merge that another source tells of, a gap in a branch's chain, or rules that changed without an event: the day may hide members.
SELECT 'population', 'population:' || day, '*', 'INDETERMINATE', string_agg(reason, '; ' ORDER BY reason), NULL, proofs(list(evidence)), NULL, NULL, NULL, NULL
FROM (SELECT day, reason, evidence FROM unmatched_merges UNION ALL SELECT day, reason, evidence FROM unexplained_settings)
WHERE day_start(day) >= $period_start AND day_start(day) < $period_end GROUP BY day
