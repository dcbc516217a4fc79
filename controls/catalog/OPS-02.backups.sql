WITH days AS (
    SELECT CAST(unnest(generate_series(CAST(local_day($period_start) AS TIMESTAMP), CAST(local_day(least($period_end, $freeze_at) - INTERVAL 1 MICROSECOND) AS TIMESTAMP), INTERVAL 1 DAY)) AS DATE) AS day
), told AS (
    FROM company_backups QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), held AS (
    SELECT d.day, s.store, s.retention_days, s.deletion_protection, s.evidence FROM days AS d JOIN data_stores AS s ON s.starts_at < day_start(d.day + 1) AND s.ends_at >= day_start(d.day)
    QUALIFY row_number() OVER (PARTITION BY d.day, s.store ORDER BY s.starts_at DESC) = 1
), members AS (
    SELECT coalesce(h.store, t.backup_set) || ':' || d.day AS subject, coalesce(h.store, t.backup_set) AS store, day_start(d.day) AS starts_at, t.status, t.recovery_point_age_minutes AS age, t.backup_set IS NOT NULL AS told,
        coalesce(t.finished_at, t.started_at) AS ended_at, coalesce(t.retention_days, h.retention_days) AS retention, coalesce(t.deletion_protection, h.deletion_protection) AS protected, t.versioning, t.point_in_time, t.immutable_copy, h.evidence AS state_evidence, t.evidence
    FROM days AS d JOIN (SELECT DISTINCT store FROM held UNION SELECT backup_set FROM told) AS k ON true
    LEFT JOIN held AS h ON h.day = d.day AND h.store = k.store LEFT JOIN told AS t ON t.day = CAST(d.day AS VARCHAR) AND t.backup_set = k.store
    WHERE h.store IS NOT NULL OR t.backup_set IS NOT NULL
), followed AS (
    SELECT m.subject, min(t.ticket_key) AS ticket, list(t.evidence) AS proofs FROM members AS m
    JOIN tickets AS t ON scope_has(t.scope, m.store) AND t.opened_at >= m.starts_at AND t.opened_at <= m.ended_at + span_at('OPS-01', 'P_JOB_TICKET', m.starts_at) WHERE m.status = 'failed' GROUP BY m.subject
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN retention < number_at('OPS-02', 'P_BACKUP_D', starts_at) OR NOT coalesce(protected, true) OR NOT coalesce(point_in_time, versioning, true) OR NOT coalesce(immutable_copy, true) THEN 'EXCEPTION'
            WHEN retention IS NULL OR coalesce(protected, versioning) IS NULL OR coalesce(point_in_time, versioning) IS NULL OR immutable_copy IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END AS verdict,
        'kept for ' || coalesce(retention || ' days', '(not told)') || '; deletion protection: ' || coalesce(CAST(protected AS VARCHAR), 'not told') || '; any point in time or version: '
            || coalesce(CAST(coalesce(point_in_time, versioning) AS VARCHAR), 'not told') || '; copy that cannot be changed: ' || coalesce(CAST(immutable_copy AS VARCHAR), 'not told') AS reason, [] AS needs
    FROM members
    UNION ALL
    SELECT subject, 'B', CASE WHEN age <= number_at('OPS-02', 'P_RPO', starts_at) THEN 'PASS' WHEN told AND age IS NULL THEN 'INDETERMINATE' ELSE 'EXCEPTION' END,
        CASE WHEN NOT told THEN 'no backup of the day' ELSE coalesce('at most ' || age || ' min old', 'the age of the recovery point is not told') END, ['backup'] FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN status IS DISTINCT FROM 'failed' THEN 'NOT_APPLICABLE' WHEN f.ticket IS NOT NULL THEN 'PASS' ELSE 'EXCEPTION' END, CASE WHEN status IS DISTINCT FROM 'failed' THEN 'no failed backup' ELSE coalesce('failed; ticket ' || f.ticket, 'failed; no ticket in time') END, ['itsm.ticket']
    FROM members LEFT JOIN followed AS f USING (subject)
)
SELECT 'backups' AS population, a.subject, a.attribute, a.verdict, a.reason, m.starts_at AS event_time, proofs(list_concat([m.evidence, m.state_evidence], coalesce(f.proofs, []))) AS evidence, a.needs
FROM answers AS a JOIN members AS m USING (subject) LEFT JOIN followed AS f USING (subject)
