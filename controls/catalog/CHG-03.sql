WITH members AS (
    SELECT *, updated_at + span_at('CHG-03', 'P_EMERG_REVIEW', updated_at) AS review_due,
        list_filter(coalesce(files, []), lambda f: len(list_filter(allowed, lambda p: f GLOB p)) = 0) AS beyond
    FROM protected_updates WHERE updated_at >= $period_start AND updated_at < $period_end
), emergencies AS (
    SELECT m.subject, min(e.ticket) AS ticket, list_distinct(list(e.subject)) AS changes, flatten(list(e.proofs)) AS proofs
    FROM members AS m
    JOIN emergency_changes AS e ON e.justified AND e.approved
    JOIN tickets AS t ON t.ticket_key = e.ticket
    WHERE e.subject = m.change OR (starts_with(e.subject, 'ticket:') AND t.scope_repo = m.repo AND t.incident_at <= m.updated_at
        AND m.updated_at < coalesce(t.valid_to, t.closed_at, t.incident_resolved_at, t.opened_at + INTERVAL 1 DAY))
    GROUP BY m.subject
), answers AS (
    SELECT m.subject, 'A' AS attribute, CASE WHEN m.automatic THEN 'NOT_APPLICABLE' WHEN e.ticket IS NULL THEN 'EXCEPTION' ELSE 'PASS' END AS verdict,
        CASE WHEN m.automatic THEN 'a registered automation''s update' ELSE array_to_string(list_sort(m.kinds), ', ') || ' by ' || m.actor
            || coalesce('; approved emergency ' || e.ticket, '; no approved emergency') END AS reason, e.proofs AS proofs
    FROM members AS m LEFT JOIN emergencies AS e USING (subject)
    UNION ALL
    SELECT subject, 'B',
        CASE WHEN NOT automatic THEN 'NOT_APPLICABLE' WHEN len(allowed) = 0 THEN 'EXCEPTION' WHEN files IS NULL THEN 'INDETERMINATE'
             WHEN len(beyond) > 0 THEN 'EXCEPTION' WHEN len(files) >= 300 THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN NOT automatic THEN 'a person''s update' WHEN len(allowed) = 0 THEN actor || ' is not registered to push'
             WHEN files IS NULL OR (len(beyond) = 0 AND len(files) >= 300) THEN 'the changed files are not all known' WHEN len(beyond) = 0 THEN 'only allowed paths'
             ELSE 'beyond the allowed paths: ' || array_to_string(list_sort(beyond), ', ') END, []
    FROM members
    UNION ALL
    SELECT subject, 'C',
        CASE WHEN descends OR status IN ('ahead', 'identical') OR (activity_type IS NOT NULL AND activity_type <> 'force_push') THEN 'PASS'
             WHEN activity_type = 'force_push' OR status IN ('behind', 'diverged') THEN 'EXCEPTION' ELSE 'INDETERMINATE' END,
        CASE WHEN descends OR status IN ('ahead', 'identical') OR (activity_type IS NOT NULL AND activity_type <> 'force_push') THEN 'the new head descends from the old one'
             WHEN activity_type = 'force_push' OR status IN ('behind', 'diverged') THEN 'commits were removed' ELSE 'whether commits were removed is not known' END, []
    FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN NOT list_contains(kinds, 'override') THEN 'NOT_APPLICABLE' WHEN reasons > 0 THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN NOT list_contains(kinds, 'override') THEN 'no override' WHEN reasons > 0 THEN 'codes or reasons are recorded' ELSE 'neither code nor reason is recorded' END, []
    FROM members
    UNION ALL
    SELECT subject, 'E',
        CASE WHEN automatic THEN 'NOT_APPLICABLE' WHEN len(list_filter(reviews, lambda r: r.reviewer <> actor AND r.reviewed_at <= review_due)) > 0 THEN 'PASS'
             WHEN review_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        CASE WHEN automatic THEN 'a registered automation''s update'
             WHEN len(list_filter(reviews, lambda r: r.reviewer <> actor AND r.reviewed_at <= review_due)) > 0 THEN 'reviewed by ' || instant_text(review_due)
             WHEN review_due > $freeze_at THEN 'the review is due after the freeze' ELSE 'no review by somebody else by ' || instant_text(review_due) END, review_proofs
    FROM members
)
SELECT 'updates' AS population, a.subject, a.attribute, a.verdict, a.reason, m.updated_at AS event_time,
    proofs(list_concat(m.evidence, coalesce(a.proofs, []))) AS evidence, m.updated_at AS window_start,
    CASE WHEN a.attribute IN ('A', 'E') THEN m.review_due ELSE m.updated_at END AS window_end,
    to_json({'repo': m.repo, 'branch': m.branch, 'actor': m.actor, 'after': m.after_sha}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
UNION ALL
SELECT 'population', 'population:' || day, '*', 'INDETERMINATE', string_agg(reason, '; ' ORDER BY reason), NULL, proofs(list(evidence)), NULL, NULL, NULL
FROM unmatched_merges
WHERE stream = 'github.branch_activity' AND day_start(day) >= $period_start AND day_start(day) < $period_end
GROUP BY day
