WITH ticketed AS (
    -- A ticket that names change and deployment is one member, the change.
    SELECT e.* FROM emergency_changes AS e
    JOIN tickets AS t ON t.ticket_key = e.ticket
    LEFT JOIN merged_changes AS c ON c.repo = t.scope_repo AND c.number = t.scope_pull
    WHERE c.change IS NULL OR e.subject = c.change
    QUALIFY row_number() OVER (PARTITION BY e.subject ORDER BY e.satisfied DESC, e.ticket) = 1
), members AS (
    SELECT subject, ticket, "at" AS changed_at, justified, approved, reviewed, retested, proofs FROM ticketed
    UNION ALL
    SELECT c.change, NULL, c.merged_at, false, false, false, false, [c.evidence]
    FROM merged_changes AS c
    WHERE list_contains(json_extract_string(c.labels, '$[*].name'), (SELECT value FROM scope_values WHERE name = 'emergency_label'))
        AND c.change NOT IN (SELECT subject FROM ticketed)
), dated AS (
    SELECT *, changed_at + span_at('CHG-13', 'P_EMERG_REVIEW', changed_at) AS review_due,
        changed_at + span_at('CHG-13', 'P_EMERG_APPROVAL_H', changed_at) AS approval_due
    FROM members WHERE changed_at >= $period_start AND changed_at < $period_end
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN justified THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
        coalesce('ticket ' || ticket, 'no emergency ticket') || CASE WHEN justified THEN '; its incident is grave enough and came first' ELSE '; no grave enough incident before it' END AS reason,
        changed_at AS window_end
    FROM dated
    UNION ALL
    SELECT subject, 'B', CASE WHEN approved THEN 'PASS' WHEN approved IS NULL THEN 'INDETERMINATE' WHEN approval_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        CASE WHEN approved THEN 'approved in time by an emergency approver' WHEN approved IS NULL THEN 'approved in time, by somebody who cannot be told from who took part, as that is not known' WHEN approval_due > $freeze_at THEN 'the approval is due after the freeze'
             ELSE 'no approval in time by an emergency approver who took no part' END, approval_due
    FROM dated
    UNION ALL
    SELECT subject, 'C', CASE WHEN reviewed THEN 'PASS' WHEN review_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        CASE WHEN reviewed THEN 'reviewed in time' WHEN review_due > $freeze_at THEN 'the review is due after the freeze' ELSE 'no accepted review of the commit by ' || instant_text(review_due) END, review_due
    FROM dated
    UNION ALL
    SELECT subject, 'D', CASE WHEN retested THEN 'PASS' WHEN review_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        CASE WHEN retested THEN 'tests and scans passed in time' WHEN review_due > $freeze_at THEN 'tests and scans are due after the freeze' ELSE 'tests or scans did not pass by ' || instant_text(review_due) END, review_due
    FROM dated
)
SELECT 'emergencies' AS population, a.subject, a.attribute, a.verdict, a.reason, d.changed_at AS event_time, proofs(d.proofs) AS evidence,
    d.changed_at AS window_start, a.window_end
FROM answers AS a JOIN dated AS d USING (subject)
UNION ALL
SELECT 'ratio', 'population:' || $period, 'E',
    CASE WHEN emergencies <= greatest(1, number_at('CHG-13', 'P_EMERG_RATIO', $period_end - INTERVAL 1 MICROSECOND) * changes) THEN 'PASS' ELSE 'EXCEPTION' END,
    emergencies || ' emergencies among ' || changes || ' changes', NULL, [], NULL, NULL
FROM (
    SELECT (SELECT count(*) FROM dated) AS emergencies,
        (SELECT count(*) FROM merged_changes WHERE merged_at >= $period_start AND merged_at < $period_end) AS changes
)
WHERE emergencies > 0
