WITH facts AS (
    SELECT * FROM grant_facts WHERE granted_at >= $period_start AND granted_at < $period_end
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN tickets = 0 THEN 'EXCEPTION' WHEN grantees IS NULL OR unresolved THEN 'INDETERMINATE' WHEN len(grantees) = 0 OR list_has_all(beneficiaries, grantees) THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
        what || CASE WHEN grantees IS NULL THEN ' to whom is not known' WHEN len(grantees) > 0 THEN ' to ' || array_to_string(grantees, ', ') ELSE '' END || coalesce('; ticket ' || ticket, '; approved only at ' || instant_text(late_at), '; no approved access request covers it') AS reason, ['itsm.ticket', 'identity_link'] AS needs
    FROM facts
    UNION ALL
    SELECT subject, 'B', CASE WHEN tickets = 0 THEN 'NOT_APPLICABLE' WHEN right_approver THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN tickets = 0 THEN 'no request was approved before (A)' WHEN right_approver THEN 'approved by ' || approvers || ', manager or owner' ELSE 'approved by ' || approvers || ', who is no manager or owner, or takes part' END, ['itsm.ticket', 'hr.worker']
    FROM facts
    UNION ALL
    SELECT subject, 'C', CASE WHEN grantees IS NULL THEN 'INDETERMINATE' WHEN who IS NULL THEN 'NOT_APPLICABLE' WHEN NOT known THEN 'INDETERMINATE' WHEN employed THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN grantees IS NULL THEN 'to whom is not known' WHEN who IS NULL THEN 'granted to no person' WHEN NOT known THEN 'unresolved identity: ' || who WHEN employed THEN who || ' was employed' ELSE who || ' was not employed, or on leave' END, ['hr.worker']
    FROM facts
    UNION ALL
    SELECT subject, 'E', CASE WHEN by_oneself THEN 'EXCEPTION' WHEN by_pipeline OR by_administrator THEN 'PASS' WHEN source = 'tf.state' OR administrators_known THEN 'EXCEPTION' ELSE 'INDETERMINATE' END,
        CASE WHEN by_oneself THEN 'granted by the grantee' WHEN source = 'tf.state' THEN coalesce('written by run ' || run, 'no run of the infrastructure workflow was at work') WHEN by_pipeline OR by_administrator THEN 'granted by ' || actor
             WHEN administrators_known THEN actor || ' is no access administrator' ELSE 'granted by ' || actor || '; who administers access is not known (scope.access_admins, or a team of that name in gh.team)' END,
        CASE WHEN source = 'tf.state' THEN ['gh.run'] WHEN by_oneself THEN [] ELSE ['gh.team', 'nhi'] END
    FROM facts
)
SELECT 'grants' AS population, a.subject, a.attribute, a.verdict, a.reason, f.granted_at AS event_time, proofs(list_concat(f.proofs, CASE WHEN a.attribute IN ('A', 'B') THEN f.ticket_proofs WHEN a.attribute = 'C' THEN f.person_proofs ELSE [] END)) AS evidence,
    a.needs, CASE WHEN a.attribute = 'A' AND a.verdict = 'EXCEPTION' THEN $period_start ELSE f.granted_at END AS window_start, f.granted_at AS window_end, to_json({'principal': f.grantees, 'person': f.grantees, 'system': f.system, 'entitlement': f.names}) AS covers
FROM answers AS a JOIN facts AS f USING (subject)
UNION ALL
-- Somebody is new in a snapshot, and nothing tells of the grant: the day may hide members.
SELECT 'population', 'population:' || day, '*', 'INDETERMINATE', string_agg(reason, '; ' ORDER BY reason), NULL, proofs(list(evidence)), NULL, NULL, NULL, NULL
FROM unexplained_grants WHERE day_start(day) >= $period_start AND day_start(day) < $period_end GROUP BY day
