WITH rules AS (
    -- IDENTITY.md §4, the functions that the sources show. P prohibited, C conditional, T prohibited for the same change only.
    SELECT * FROM (VALUES ('F1', 'F3', 'T'), ('F1', 'F5', 'C'), ('F1', 'F7', 'P'), ('F1', 'F9', 'P'), ('F1', 'F10', 'P'), ('F3', 'F5', 'C'), ('F3', 'F7', 'C'),
        ('F3', 'F9', 'C'), ('F5', 'F7', 'C'), ('F5', 'F9', 'C'), ('F5', 'F10', 'C'), ('F7', 'F9', 'C'), ('F7', 'F10', 'C'), ('F9', 'F10', 'C')) AS r(one, other, mode)
), held AS (
    SELECT * FROM duty_holders WHERE since < $period_end AND until >= $period_start
), members AS (
    SELECT h.person || ':' || r.one || '+' || r.other AS subject, h.person, r.one, r.other, r.mode, a.person IS NOT NULL AND b.person IS NOT NULL AS holds_both,
        greatest(a.since, b.since) AS since, concat_ws('; ', r.one || ' by ' || a.paths, r.other || ' by ' || b.paths) AS paths, proofs(list_concat(coalesce(a.evidence, []), coalesce(b.evidence, []))) AS proofs
    FROM (SELECT DISTINCT person FROM held) AS h CROSS JOIN rules AS r
    LEFT JOIN held AS a ON a.person = h.person AND a.duty = r.one
    LEFT JOIN held AS b ON b.person = h.person AND b.duty = r.other
    WHERE a.person IS NOT NULL OR b.person IS NOT NULL
), mitigated AS (
    SELECT m.subject, min(w.waiver_id) AS waiver, list(w.evidence) AS proofs
    FROM members AS m
    JOIN authorised_waivers AS w ON w.control = 'APD-10' AND (w.scope ->> '$.person') = m.person AND coalesce(w.scope ->> '$.rule', m.one || '+' || m.other) = m.one || '+' || m.other
        AND w.created_at <= greatest(m.since, $period_start) AND w.valid_from <= greatest(m.since, $period_start) AND w.valid_to >= least($period_end, $freeze_at)
    WHERE m.holds_both GROUP BY m.subject
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN mode <> 'P' THEN 'NOT_APPLICABLE' WHEN holds_both THEN 'EXCEPTION' ELSE 'PASS' END AS verdict,
        CASE WHEN mode <> 'P' THEN 'not prohibited as a standing combination' WHEN holds_both THEN 'both held: ' || paths ELSE 'one side only' END AS reason, [] AS proofs
    FROM members
    UNION ALL
    SELECT m.subject, 'B', CASE WHEN m.mode <> 'C' OR NOT m.holds_both THEN 'NOT_APPLICABLE' WHEN w.waiver IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN m.mode <> 'C' THEN 'not conditional' WHEN NOT m.holds_both THEN 'one side only' ELSE coalesce('mitigated by waiver ' || w.waiver, 'both held without a mitigation: ' || m.paths) END, coalesce(w.proofs, [])
    FROM members AS m LEFT JOIN mitigated AS w USING (subject)
    UNION ALL
    SELECT subject, 'C', CASE WHEN one <> 'F1' OR other NOT IN ('F7', 'F9') THEN 'NOT_APPLICABLE' WHEN holds_both THEN 'EXCEPTION' ELSE 'PASS' END,
        CASE WHEN one <> 'F1' OR other NOT IN ('F7', 'F9') THEN 'no matter of code and production access' WHEN holds_both THEN 'writes code, and ' || paths ELSE 'one side only' END, []
    FROM members
    UNION ALL
    SELECT subject, 'D', 'PASS', 'effective access: ' || coalesce(nullif(paths, ''), 'none'), [] FROM members
    UNION ALL
    SELECT subject, 'E', 'NOT_APPLICABLE', 'tested per deployment by CHG-07', [] FROM members
)
SELECT 'pairs' AS population, a.subject, a.attribute, a.verdict, a.reason, greatest(coalesce(m.since, $period_start), $period_start) AS event_time,
    proofs(list_concat(m.proofs, a.proofs)) AS evidence, to_json({'person': m.person, 'rule': m.one || '+' || m.other}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
UNION ALL
-- An account that nobody is known to stand behind may be anybody's second side.
SELECT 'population', 'population:' || $period, '*', 'INDETERMINATE', 'not resolved: ' || string_agg(DISTINCT system || ':' || account, ', '), NULL, proofs(list(evidence)), NULL
FROM duty_accounts WHERE NOT resolved AND as_of >= $period_start AND as_of < $period_end
HAVING count(*) > 0
