WITH members AS (
    SELECT subject, max(as_of) AS seen_at, count(most) AS seen, count(*) FILTER (held < most) AS free, bool_and(least_size < most) AS ranged, sum(failures) AS failures, max(failed_at) AS failed_at,
        max_by(scaling_active, as_of) FILTER (scaling_active IS NOT NULL) AS active, max(as_of) FILTER (scaling_active IS NOT NULL) AS active_at, flatten(list(proofs)) AS proofs
    FROM scalers WHERE as_of < $period_end AND (as_of >= $period_start OR subject LIKE 'aws:%') GROUP BY subject
), review AS (
    SELECT min(review) AS review, list(evidence) AS proofs, bool_or(coalesce(len(list_filter(coalesce(json_extract(actions, '$[*]'), []), lambda a: (a ->> '$.closed_at') IS NULL AND coalesce(instant(a ->> '$.due'), 'infinity') < $freeze_at)), 0) > 0) AS overdue
    FROM (FROM company_capacity_reviews QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1)
    WHERE coalesce(period = $period, held_at >= $period_start AND held_at < $period_end) AND forecast AND approved_by IS NOT NULL AND approved_at <= $freeze_at
)
SELECT 'scalers' AS population, subject, 'A' AS attribute,
    CASE WHEN seen = 0 THEN 'INDETERMINATE' WHEN NOT ranged OR free < seen * number_at('OPS-06', 'P_HPA_HEADROOM', seen_at) OR active = 'False' OR (failures > 0 AND coalesce(active_at <= failed_at, true)) THEN 'EXCEPTION' ELSE 'PASS' END AS verdict,
    CASE WHEN seen = 0 THEN 'its bounds are not known' ELSE CASE WHEN ranged THEN 'may scale' ELSE 'cannot scale: fewest and most are the same' END || '; below its most in ' || free || ' of ' || seen || ' observations'
        || CASE WHEN failures > 0 THEN '; metrics failed at ' || instant_text(failed_at) ELSE '' END || coalesce('; scaling active: ' || active, '') END AS reason,
    greatest(seen_at, $period_start) AS event_time, proofs(proofs) AS evidence, [] AS needs, $period_start AS window_start, $period_start AS window_end
FROM members
UNION ALL
SELECT 'scalers', subject, l.letter, 'INDETERMINATE', l.missing, greatest(seen_at, $period_start), [], [], NULL, NULL
FROM members, (VALUES ('B', 'no source tells utilisation'), ('D', 'no source tells the disks of the log and evidence stores')) AS l(letter, missing)
UNION ALL
SELECT 'scalers', subject, 'C', CASE WHEN r.review IS NULL OR r.overdue THEN 'EXCEPTION' ELSE 'PASS' END, CASE WHEN r.review IS NULL THEN 'no approved review with a forecast for ' || $period ELSE 'review ' || r.review || CASE WHEN r.overdue THEN '; actions are overdue' ELSE '' END END,
    greatest(seen_at, $period_start), proofs(coalesce(r.proofs, [])), ['capacity_review'], $period_start, $period_end - INTERVAL 1 MICROSECOND
FROM members, review AS r
