WITH judged AS (
    SELECT k.stream, e.late_key, e.effect, e.evidence
    FROM evidence_late_evaluations AS e JOIN known_streams AS k ON e.late_stream IN (k.stream, k.alias)
    QUALIFY row_number() OVER (PARTITION BY e.natural_key ORDER BY e.evaluated_at DESC, e.record DESC) = 1
), members AS (
    SELECT d.*, d.had_been_collected AND d.seen_at > $freeze_at AS late, e.effect, e.evidence AS judgement
    FROM disputed_records AS d
    LEFT JOIN judged AS e ON e.stream = d.stream AND e.late_key IN (d.event_key, d.subject)
    WHERE d.event_time >= $period_start AND d.event_time < $period_end
        AND (d.mutated OR (d.had_been_collected AND d.seen_at > $freeze_at))
)
SELECT 'records' AS population, subject, 'C' AS attribute, CASE WHEN mutated THEN 'EXCEPTION' ELSE 'PASS' END AS verdict,
    CASE WHEN mutated THEN 'the source gave it with different content; versions kept: ' || versions ELSE 'one content only' END AS reason,
    event_time, evidence
FROM members
UNION ALL
SELECT 'records', subject, 'D', CASE WHEN NOT late THEN 'NOT_APPLICABLE' WHEN effect IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END,
    CASE WHEN NOT late THEN 'seen before the freeze' ELSE 'first seen at ' || instant_text(seen_at) || ', after the freeze; '
        || coalesce('effect: ' || effect, 'its effect is not judged yet') END,
    event_time, proofs(list_append(evidence, judgement))
FROM members
