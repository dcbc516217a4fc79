WITH incidents AS (
    FROM company_incidents QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), members AS (
    SELECT i.*, 'incident:' || i.incident_id AS subject, i.created_at >= $period_start AND i.created_at < $period_end AS counted,
        coalesce(i.resolved_at >= $period_start AND i.resolved_at < $period_end, false) AS resolved,
        i.resolved_at - i.started_at > to_minutes(CAST(number_at('OPS-03', 'P_MTTR_MAX', i.created_at) AS BIGINT)) AS long,
        i.severity IN ('sev1', 'sev2') AS severe, p.approved_at, p.evidence AS review_evidence,
        business_deadline(i.resolved_at, number_at('OPS-03', 'P_PM_BD', i.created_at)) AS review_due,
        len(list_filter(coalesce(json_extract(p.actions, '$[*]'), []), lambda a: (a ->> '$.closed_at') IS NULL
            AND coalesce(instant((a ->> '$.due') || 'T23:59:59Z'), instant(a ->> '$.due'), '-infinity') < $freeze_at)) AS overdue,
        coalesce(json_array_length(p.actions), 0) AS actions, i.fields -> '$.integrity_assessment' AS assessment
    FROM incidents AS i
    LEFT JOIN (
        FROM company_postmortems QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
    ) AS p ON p.incident = i.incident_id
    WHERE i.created_at < $period_end AND coalesce(i.resolved_at, 'infinity') > $period_start
), lacking AS (
    SELECT subject, list_filter([
        CASE WHEN severity IS NULL THEN 'severity' END, CASE WHEN service IS NULL THEN 'service' END, CASE WHEN started_at IS NULL THEN 'onset' END,
        CASE WHEN detected_at IS NULL THEN 'detection' END, CASE WHEN acknowledged_at IS NULL THEN 'acknowledgement' END,
        CASE WHEN mitigated_at IS NULL AND resolved_at IS NOT NULL THEN 'mitigation' END, CASE WHEN owner IS NULL THEN 'owner' END,
        CASE WHEN cause IS NULL AND resolved_at IS NOT NULL THEN 'cause' END
    ], lambda f: f IS NOT NULL) AS fields
    FROM members
), answers AS (
    SELECT m.subject, 'A' AS attribute, CASE WHEN NOT m.counted THEN 'NOT_APPLICABLE' WHEN len(l.fields) = 0 THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
        CASE WHEN NOT m.counted THEN 'counted in the quarter in which it was created' WHEN len(l.fields) = 0 THEN 'the record is complete'
             ELSE 'missing: ' || array_to_string(l.fields, ', ') END AS reason
    FROM members AS m JOIN lacking AS l USING (subject)
    UNION ALL
    SELECT subject, 'B',
        CASE WHEN NOT resolved THEN 'NOT_APPLICABLE' WHEN started_at IS NULL THEN 'EXCEPTION' WHEN long AND approved_at IS NULL THEN 'EXCEPTION' ELSE 'PASS' END,
        CASE WHEN NOT resolved THEN 'resolved in another quarter, or not yet' WHEN started_at IS NULL THEN 'the onset is not recorded'
             ELSE date_diff('minute', started_at, resolved_at) || ' min' || CASE WHEN NOT long THEN '' WHEN approved_at IS NULL THEN '; long, without a review' ELSE '; long, with a review' END END
    FROM members
    UNION ALL
    SELECT subject, 'C',
        CASE WHEN NOT resolved OR NOT severe THEN 'NOT_APPLICABLE' WHEN approved_at <= review_due AND actions > 0 AND overdue = 0 THEN 'PASS'
             WHEN approved_at IS NULL AND review_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        CASE WHEN NOT resolved THEN 'resolved in another quarter, or not yet' WHEN NOT severe THEN 'not severe' WHEN approved_at IS NULL THEN 'no post-mortem; due at ' || instant_text(review_due)
             ELSE 'post-mortem approved at ' || instant_text(approved_at) || '; due at ' || instant_text(review_due) || '; actions: ' || actions || ', overdue: ' || overdue END
    FROM members
    UNION ALL
    SELECT subject, 'D',
        CASE WHEN NOT resolved OR financial_data_affected = false THEN 'NOT_APPLICABLE' WHEN financial_data_affected IS NULL THEN 'INDETERMINATE'
             WHEN instant(assessment ->> '$.at') <= coalesce(closed_at, resolved_at) THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN NOT resolved THEN 'resolved in another quarter, or not yet' WHEN NOT financial_data_affected THEN 'financial data were not affected' WHEN financial_data_affected IS NULL THEN 'nothing says whether financial data were affected'
             WHEN assessment IS NULL THEN 'the effect on financial data was not assessed' ELSE 'assessed at ' || (assessment ->> '$.at') END
    FROM members
    UNION ALL
    SELECT subject, 'E', 'INDETERMINATE', 'no history of edits is known' FROM members
)
SELECT 'incidents' AS population, a.subject, a.attribute, a.verdict, a.reason,
    CASE WHEN m.counted THEN m.created_at ELSE coalesce(m.resolved_at, $period_start) END AS event_time,
    proofs([m.evidence, m.review_evidence]) AS evidence, greatest(m.created_at, $period_start) AS window_start,
    CASE WHEN a.attribute = 'C' THEN greatest(m.review_due, m.created_at) ELSE m.created_at END AS window_end
FROM answers AS a JOIN members AS m USING (subject)
