WITH members AS (
    SELECT *, coalesce(reviewer_entries > 0 AND whole = 0 AND half = 0 AND NOT rollback, false) AS unexplained, list_concat(changes, CASE WHEN len(brought) = 1 THEN brought ELSE [] END) AS named
    FROM attempt_facts WHERE happened_at >= $period_start AND happened_at < $period_end
), frozen AS (
    -- A freeze that names no services may be one of all.
    SELECT m.subject, string_agg(z.freeze_id, ', ' ORDER BY z.freeze_id) AS freezes, bool_or(list_contains(CAST(z.services AS JSON)::VARCHAR[], m.service)) AS certain, list(z.evidence) AS proofs
    FROM members AS m
    JOIN company_freezes AS z ON coalesce(list_contains(CAST(z.services AS JSON)::VARCHAR[], m.service), z.services IS NULL)
        AND m.happened_at >= z.starts_at AND m.happened_at < coalesce(z.ends_at, 'infinity')
    GROUP BY m.subject
), answers AS (
    SELECT subject, 'A' AS attribute,
        CASE WHEN rollback THEN 'NOT_APPLICABLE' WHEN good > 0 THEN 'PASS' WHEN perhaps > 0 OR (whole = 0 AND half > 0) THEN 'INDETERMINATE'
             ELSE 'EXCEPTION' END AS verdict,
        CASE WHEN rollback THEN 'automatic rollback to a commit that was deployed before'
             WHEN whole = 0 AND half > 0 THEN 'an approval is told by one source only: its time, or its environment, is not known'
             WHEN whole = 0 THEN 'nobody approved this attempt' WHEN good = 0 AND perhaps > 0 THEN 'the reviewers of the day, or the order of two clocks, are not known'
             WHEN good = 0 THEN 'approved by ' || approvals || ', not by a reviewer of the environment before the job started'
             ELSE 'approved by ' || approvals END AS reason,
        list_concat(approval_proofs, settings_proofs) AS proofs
    FROM members
    UNION ALL
    SELECT subject, 'B',
        CASE WHEN rollback OR (whole = 0 AND half = 0) THEN 'NOT_APPLICABLE' WHEN whole = 0 THEN 'INDETERMINATE'
             WHEN independent > 0 AND resolved THEN 'PASS' WHEN perhaps_independent > 0 THEN 'INDETERMINATE' ELSE 'EXCEPTION' END,
        CASE WHEN rollback THEN 'automatic rollback' WHEN whole = 0 THEN 'no approval of this attempt to judge'
             ELSE 'approved by ' || approvals || '; triggered by ' || coalesce(trigger_principal, 'nobody known') || '; contributors: '
                || coalesce(nullif(array_to_string(list_sort(list_distinct(contributors)), ', '), ''), 'none') END,
        list_concat(approval_proofs, change_proofs)
    FROM members
    UNION ALL
    -- What ran unapproved though its environment has reviewers got past them somehow, even if no event tells how.
    SELECT subject, 'C', CASE WHEN bypassed_at IS NOT NULL THEN 'EXCEPTION' WHEN unexplained THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN bypassed_at IS NOT NULL THEN 'the environment''s rules were bypassed by ' || coalesce(bypassed_by, 'somebody unknown') || ' at ' || instant_text(bypassed_at)
             WHEN unexplained THEN 'it ran without an approval that its environment requires, and nothing tells how' ELSE 'nobody bypassed the rules' END,
        list_concat(bypass_proofs, settings_proofs)
    FROM members
    UNION ALL
    SELECT subject, 'D',
        CASE WHEN settings_at IS NULL THEN 'INDETERMINATE'
             WHEN reviewer_entries > 0 AND no_self_review AND protected_branches_only AND can_admins_bypass = false THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN settings_at IS NULL THEN 'no settings of the environment on that day' ELSE coalesce(nullif(concat_ws('; ',
            CASE WHEN reviewer_entries = 0 THEN 'no required reviewers' END, CASE WHEN NOT no_self_review THEN 'self-review is allowed' END,
            CASE WHEN NOT protected_branches_only THEN 'other than protected branches may deploy' END,
            CASE WHEN can_admins_bypass IS DISTINCT FROM false THEN 'administrators may bypass' END), ''), 'the settings are as required') END,
        settings_proofs
    FROM members
    UNION ALL
    SELECT m.subject, 'E', CASE WHEN z.subject IS NULL THEN 'PASS' WHEN z.certain THEN 'EXCEPTION' ELSE 'INDETERMINATE' END,
        coalesce(CASE WHEN z.certain THEN 'made in freeze ' ELSE 'perhaps made in freeze ' END || z.freezes, 'not in a freeze of ' || coalesce(m.service, 'any service')), coalesce(z.proofs, [])
    FROM members AS m LEFT JOIN frozen AS z USING (subject)
    UNION ALL
    SELECT subject, 'F',
        CASE WHEN run_attempt = 1 OR rollback OR (whole = 0 AND half = 0 AND earlier = 0) THEN 'NOT_APPLICABLE' WHEN whole > 0 THEN 'PASS'
             WHEN half > 0 THEN 'INDETERMINATE' ELSE 'EXCEPTION' END,
        CASE WHEN run_attempt = 1 THEN 'no re-run' WHEN whole > 0 THEN 'this attempt has an approval of its own: ' || approvals
             WHEN earlier > 0 THEN 'only an earlier attempt was approved' ELSE 'no approval to attribute' END, approval_proofs
    FROM members
)
SELECT 'attempts' AS population, a.subject, a.attribute, a.verdict, a.reason, m.happened_at AS event_time,
    proofs(list_concat(m.attempt_proofs, a.proofs)) AS evidence,
    coalesce(m.attempt_started_at, m.happened_at) AS window_start, m.started_at AS window_end, m.named AS changes,
    to_json({'repo': m.repo, 'service': m.service, 'environment': m.environment, 'run': m.run_id, 'deployment': m.deployments}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
UNION ALL
-- A production deployment whose run nothing tells is an attempt that is hidden.
SELECT 'population', 'population:' || local_day(created_at), '*', 'INDETERMINATE',
    'nothing tells the run of ' || string_agg(subject, ', ' ORDER BY subject), NULL, proofs(flatten(list(evidence))), NULL, NULL, NULL, NULL
FROM production_deployments WHERE run_id IS NULL AND created_at >= $period_start AND created_at < $period_end
GROUP BY local_day(created_at)
