WITH held AS (
    SELECT *, coalesce(declared_at, started_at) AS begun_at, coalesce(data_loss_minutes, date_diff('second', recovery_point, coalesce(declared_at, started_at)) / 60.0) AS loss
    FROM company_restore_tests QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), members AS (
    SELECT *, 'restore:' || test_id AS subject, date_diff('second', begun_at, verified_at) / 60.0 AS elapsed, number_at('OPS-02', 'P_RTO', begun_at) AS rto, number_at('OPS-02', 'P_RPO', begun_at) AS rpo,
        coalesce(store = (SELECT value FROM scope_values WHERE name = 'evidence_store'), false) OR evidence_verified IS NOT NULL AS of_evidence
    FROM held WHERE begun_at >= $period_start AND begun_at < $period_end
), missing AS (
    SELECT DISTINCT store FROM (SELECT worker_id AS store FROM scope_people WHERE role = 'tier1_stores' UNION SELECT backup_set FROM company_backups WHERE tier = 1)
    WHERE store NOT IN (SELECT store FROM members WHERE store IS NOT NULL)
)
SELECT 'restores' AS population, subject, 'C' AS attribute,
    CASE WHEN verified_at IS NULL OR elapsed > rto OR loss > rpo OR NOT coalesce(reconciled, true) OR tester = operator THEN 'EXCEPTION'
         WHEN loss IS NULL OR reconciled IS NULL OR tester IS NULL OR operator IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END AS verdict,
    coalesce('verified after ' || round(elapsed, 1) || ' min', 'not verified') || '; data loss ' || coalesce(round(loss, 1) || ' min', 'not measured') || '; reconciled: ' || coalesce(CAST(reconciled AS VARCHAR), 'not told')
        || '; tester ' || coalesce(tester, 'unknown') || ', operator ' || coalesce(operator, 'unknown') AS reason,
    begun_at AS event_time, [evidence] AS evidence, ['dr.test'] AS needs, begun_at AS window_start, begun_at AS window_end
FROM members
UNION ALL
SELECT 'restores', subject, 'E', CASE WHEN NOT of_evidence THEN 'NOT_APPLICABLE' WHEN evidence_verified THEN 'PASS' WHEN NOT evidence_verified THEN 'EXCEPTION' ELSE 'INDETERMINATE' END,
    CASE WHEN NOT of_evidence THEN 'not the evidence store' WHEN evidence_verified THEN 'the restored store passed the verifier' WHEN NOT evidence_verified THEN 'the verifier rejected the restored store' ELSE 'no verification is recorded' END, begun_at, [evidence], [], NULL, NULL
FROM members
UNION ALL
SELECT 'restores', 'restore:missing/' || store, l.letter, CASE l.letter WHEN 'C' THEN 'EXCEPTION' ELSE 'NOT_APPLICABLE' END, 'no restore of ' || store || ' was tested in the period', $period_start, [], ['dr.test'], $period_start, $period_end - INTERVAL 1 MICROSECOND
FROM missing, (VALUES ('C'), ('E')) AS l(letter)
