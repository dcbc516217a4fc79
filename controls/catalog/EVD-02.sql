WITH held AS (
    SELECT *, 'sha256:' || lower(regexp_replace(manifest_sha256, '^sha256:', '')) AS subject FROM evidence_manifests QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), members AS (
    SELECT * REPLACE (coalesce(kind, 'batch') AS kind), regexp_replace(rehash, '^sha256:', '') AS again, regexp_replace(leaf, '^sha256:', '') AS logged, regexp_replace(reperformed, '^sha256:', '') AS computed
    FROM held WHERE created_at >= $period_start AND created_at < $period_end AND regexp_full_match(subject, 'sha256:[0-9a-f]{64}')
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN 'sha256:' || again <> subject OR 'sha256:' || logged <> subject OR NOT coalesce(included, true) OR NOT coalesce(intact, true) THEN 'EXCEPTION' WHEN again IS NULL OR logged IS NULL OR included IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END AS verdict,
        'read again: ' || coalesce(again, '(not)') || '; leaf: ' || coalesce(logged, '(none known)') || '; inclusion: ' || coalesce(CAST(included AS VARCHAR), 'not checked') || coalesce('; ' || (fields ->> '$.problem'), '') AS reason FROM members
    UNION ALL
    SELECT subject, 'B', CASE consistent WHEN true THEN 'PASS' WHEN false THEN 'EXCEPTION' ELSE 'INDETERMINATE' END,
        CASE consistent WHEN true THEN 'the log extends what was signed before' WHEN false THEN 'the log does not extend what was signed before' ELSE 'consistency was not checked' END FROM members
    UNION ALL
    SELECT subject, 'C', CASE WHEN kind <> 'signature' THEN 'NOT_APPLICABLE' WHEN NOT coalesce(signature_valid, true) OR signed_at < key_valid_from OR signed_at >= key_valid_to OR NOT coalesce(signature_logged, true) THEN 'EXCEPTION'
            WHEN signature_valid IS NULL OR signed_at IS NULL OR key_valid_from IS NULL OR signature_logged IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN kind <> 'signature' THEN 'no signature' ELSE 'key ' || coalesce(key_id, '(not told)') || '; signed at ' || coalesce(instant_text(signed_at), '(not told)') || '; valid: ' || coalesce(CAST(signature_valid AS VARCHAR), 'not checked') || '; logged: ' || coalesce(CAST(signature_logged AS VARCHAR), 'not told') END FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN upper(lock_mode) <> 'COMPLIANCE' OR retain_until < created_at + INTERVAL 7 YEAR OR lock_versions > 1 OR delete_markers > 0 THEN 'EXCEPTION' WHEN lock_mode IS NULL OR retain_until IS NULL OR lock_versions IS NULL OR delete_markers IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END,
        'lock: ' || coalesce(lock_mode || ' until ' || instant_text(retain_until), 'not told') || '; versions: ' || coalesce(CAST(lock_versions AS VARCHAR), 'not told') || '; delete markers: ' || coalesce(CAST(delete_markers AS VARCHAR), 'not told') FROM members
    UNION ALL
    SELECT subject, 'E', CASE WHEN kind <> 'table' THEN 'NOT_APPLICABLE' WHEN computed IS NULL THEN 'INDETERMINATE' WHEN 'sha256:' || computed = subject THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN kind <> 'table' THEN 'not derived' ELSE coalesce('computed again: ' || computed, 'not computed again') END FROM members
    UNION ALL
    SELECT subject, 'F', CASE WHEN NOT coalesce(verified_passed, true) OR verified_at < created_at THEN 'EXCEPTION' WHEN verified_at IS NULL OR verified_passed IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END,
        coalesce(CASE WHEN verified_passed THEN 'verified at ' ELSE 'failed at ' END || instant_text(verified_at), 'not verified as far as known') FROM members
)
SELECT 'objects' AS population, a.subject, a.attribute, a.verdict, a.reason, m.created_at AS event_time, [m.evidence] AS evidence
FROM answers AS a JOIN members AS m USING (subject)
UNION ALL
SELECT 'population', 'population:' || $period, '*', 'INDETERMINATE', 'no object is known: nothing was collected of evidence.manifests', NULL, []
WHERE NOT EXISTS (SELECT 1 FROM members)
