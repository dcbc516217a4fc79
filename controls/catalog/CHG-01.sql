WITH members AS (
    SELECT *, len(independent) || ' independent approval(s) in force, ' || needed || ' needed; contributors: '
        || array_to_string(list_sort(contributors), ', ') AS found
    FROM change_reviews
    WHERE merged_at >= $period_start AND merged_at < $period_end
), requests AS (
    -- Change requests of people: open at the merge, or dismissed before it.
    SELECT change, flatten(list(evidence)) AS proofs,
        bool_or(state_then = 'CHANGES_REQUESTED' AND last_decision) AS open,
        bool_or(state_then = 'DISMISSED' AND dismisser = author) AS by_author,
        bool_or(state_then = 'DISMISSED' AND dismissal_message = '') AS silent,
        bool_or(state_then = 'DISMISSED' AND (dismisser IS NULL OR dismissal_message IS NULL)) AS unknown
    FROM (
        SELECT r.*, a.principal AS author FROM reviews_at_merge AS r
        LEFT JOIN change_contributors AS a ON a.change = r.change AND contains(a.how, 'author') AND a.how NOT LIKE 'co-author%'
        WHERE r.before_merge AND r.state_before = 'CHANGES_REQUESTED' AND NOT r.bot
    )
    GROUP BY change
), answers AS (
    SELECT change, 'A' AS attribute, independence AS verdict,
        found || CASE WHEN unresolved THEN '; a contributor''s account is not resolved' ELSE '' END
            || CASE WHEN commits_missing THEN '; only ' || held || ' of its commits are held' ELSE '' END
            || CASE WHEN perhaps > 0 THEN '; ' || perhaps || ' more cannot be told from a contributor' ELSE '' END
            || CASE WHEN bot_approved THEN '; an approval by a bot does not count' ELSE '' END AS reason,
        list_concat(review_proofs, contributor_proofs) AS proofs
    FROM members
    UNION ALL
    SELECT change, 'B', currency,
        CASE currency WHEN 'PASS' THEN 'the approval covers the code that was merged'
            WHEN 'EXCEPTION' THEN coalesce('unreviewed commits: ' || unreviewed, 'the approved commit is none of the change''s')
            WHEN 'INDETERMINATE' THEN 'trees or commits are missing that would tell whether what came after the approval is reviewed'
            ELSE 'no independent approval to be current' END,
        list_concat(review_proofs, commit_proofs)
    FROM members
    UNION ALL
    SELECT change, 'C',
        CASE WHEN sure + perhaps = 0 THEN CASE WHEN bot_approved THEN 'EXCEPTION' ELSE 'NOT_APPLICABLE' END
            WHEN entitled_sure >= needed THEN 'PASS'
            WHEN entitled_perhaps >= least(needed, sure + perhaps) THEN 'INDETERMINATE'
            ELSE 'EXCEPTION' END,
        CASE WHEN sure + perhaps = 0 THEN CASE WHEN bot_approved THEN 'the approver is a bot' ELSE 'no independent approval' END
            WHEN entitled_sure >= needed THEN 'approved by employed people who could write to the repository'
            WHEN entitled_perhaps >= least(needed, sure + perhaps) THEN 'no snapshot tells who could write to the repository, or the approver is not resolved'
            ELSE 'an approver could not write to the repository, or was not employed' END,
        list_concat(review_proofs, access_proofs)
    FROM members
    UNION ALL
    SELECT m.change, 'D',
        CASE WHEN o.change IS NULL THEN 'NOT_APPLICABLE' WHEN o.touched IS NULL THEN 'INDETERMINATE'
            WHEN NOT o.touched THEN 'NOT_APPLICABLE' WHEN o.approved THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN o.change IS NULL THEN 'the scope names no owned path of this repository'
            WHEN o.touched IS NULL THEN 'the changed files are not known'
            WHEN NOT o.touched THEN 'no owned path was changed'
            WHEN o.approved THEN 'an owner approved' ELSE 'an owned path was changed, no owner approved' END,
        list_concat(m.review_proofs, coalesce(o.proofs, []))
    FROM members AS m LEFT JOIN owned_path_changes AS o USING (change)
    UNION ALL
    SELECT m.change, 'E',
        CASE WHEN r.open OR r.by_author OR r.silent THEN 'EXCEPTION' WHEN r.unknown THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN r.open THEN 'a change request was open at the merge'
            WHEN r.by_author THEN 'the author dismissed a change request'
            WHEN r.silent THEN 'a change request was dismissed without a message'
            WHEN r.unknown THEN 'who dismissed a change request, or why, is not known'
            ELSE 'no change request was open at the merge' END,
        list_concat(m.review_proofs, coalesce(r.proofs, []))
    FROM members AS m LEFT JOIN requests AS r USING (change)
    UNION ALL
    SELECT change, 'F',
        CASE WHEN sure + perhaps > 0 THEN 'PASS'
            WHEN len(list_filter(late_approvers, lambda p: NOT list_contains(contributors, p))) > 0 THEN 'EXCEPTION'
            WHEN people > 0 THEN 'PASS' ELSE 'NOT_APPLICABLE' END,
        CASE WHEN people > 0 THEN 'approved before the merge'
            WHEN late_at IS NOT NULL THEN 'approved ' || date_diff('second', merged_at, late_at) || ' s after the merge'
            ELSE 'no person approved' END,
        review_proofs
    FROM members
)
SELECT 'changes' AS population, a.change AS subject, a.attribute, a.verdict, a.reason, m.merged_at AS event_time,
    proofs(list_append(a.proofs, m.evidence)) AS evidence, m.created_at AS window_start, m.merged_at AS window_end, [a.change] AS changes
FROM answers AS a JOIN members AS m USING (change)
UNION ALL
-- A merge that another source tells of, or a gap in a branch's chain, means that the day may hide members.
SELECT 'population', 'population:' || day, '*', 'INDETERMINATE', string_agg(reason, '; ' ORDER BY reason), NULL,
    proofs(list(evidence)), NULL, NULL, NULL
FROM unmatched_merges
WHERE day_start(day) >= $period_start AND day_start(day) < $period_end
GROUP BY day
