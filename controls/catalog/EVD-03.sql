WITH held AS (
    SELECT *, 'pack:' || pack AS subject FROM evidence_packs QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), members AS (
    SELECT *, disposed_at < least($period_end, $freeze_at) AS disposed, rank() OVER (ORDER BY issued_at) = 1 AS oldest
    FROM held WHERE issued_at < $period_end AND coalesce(disposed_at, 'infinity') >= $period_start
)
SELECT 'packs' AS population, subject, 'A' AS attribute,
    CASE WHEN least(retain_until, evidence_retain_until) < issued_at + INTERVAL 7 YEAR THEN 'EXCEPTION' WHEN retain_until IS NULL OR evidence_retain_until IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END AS verdict,
    'issued at ' || instant_text(issued_at) || '; kept until ' || coalesce(instant_text(retain_until), '(not told)') || ', its evidence until ' || coalesce(instant_text(evidence_retain_until), '(not told)') AS reason,
    issued_at AS event_time, [evidence] AS evidence
FROM members
UNION ALL
SELECT 'packs', subject, 'B', CASE WHEN NOT coalesce(disposed, false) THEN 'NOT_APPLICABLE'
        WHEN disposed_at >= greatest(retain_until, evidence_retain_until) AND disposal_approved_by IS NOT NULL AND disposal_logged AND NOT coalesce(on_hold, false) THEN 'PASS' ELSE 'EXCEPTION' END,
    CASE WHEN NOT coalesce(disposed, false) THEN 'not disposed of' ELSE 'disposed of at ' || instant_text(disposed_at) || coalesce('; approved by ' || disposal_approved_by, '; not approved')
        || CASE WHEN on_hold THEN '; under hold' ELSE '' END || CASE WHEN disposal_logged THEN '' ELSE '; not logged' END END, coalesce(disposed_at, issued_at), [evidence]
FROM members
UNION ALL
SELECT 'packs', subject, 'C', CASE WHEN NOT oldest THEN 'NOT_APPLICABLE' WHEN read_passed AND read_at >= least($period_end, $freeze_at) - INTERVAL 1 YEAR THEN 'PASS' WHEN read_at IS NULL AND issued_at > least($period_end, $freeze_at) - INTERVAL 1 YEAR THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
    CASE WHEN NOT oldest THEN 'not the oldest pack' ELSE coalesce(CASE WHEN read_passed THEN 'opened and verified at ' ELSE 'not readable at ' END || instant_text(read_at), 'never tested') END, coalesce(read_at, issued_at), [evidence]
FROM members
