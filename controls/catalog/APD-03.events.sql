WITH members AS (
    SELECT *, CASE WHEN restored_at IS NOT NULL THEN ', restored after ' || date_diff('minute', event_time, restored_at) || ' min' WHEN source = 'gh.audit' AND disables THEN ', not restored as far as known' ELSE '' END AS until
    FROM sign_on_events WHERE event_time >= $period_start AND event_time < $period_end
)
SELECT 'events' AS population, subject, 'C' AS attribute,
    CASE WHEN login THEN 'NOT_APPLICABLE' WHEN refused OR NOT (disables OR recovers) THEN 'PASS' WHEN ticket IS NOT NULL AND (source <> 'gh.audit' OR NOT disables OR restored_at IS NOT NULL) THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
    what || ' by ' || principal || CASE WHEN login THEN ': a login (D)' WHEN refused THEN ': refused' WHEN NOT (disables OR recovers) THEN ': nothing was switched off' ELSE until || coalesce('; ticket ' || ticket, '; no approved ticket') END AS reason,
    event_time, proofs AS evidence, event_time AS window_start, coalesce(restored_at, event_time) AS window_end, CASE WHEN refused OR NOT (disables OR recovers) THEN [] ELSE ['itsm.ticket', source] END AS needs, to_json({'system': system, 'person': principal, 'action': what}) AS covers
FROM members
UNION ALL
SELECT 'events', subject, 'D', CASE WHEN NOT login THEN 'NOT_APPLICABLE' WHEN refused OR principal_type = 'nhi' THEN 'PASS' ELSE 'EXCEPTION' END,
    CASE WHEN NOT login THEN 'no login' WHEN refused THEN 'the login was refused' WHEN principal_type = 'nhi' THEN 'a machine: ' || principal ELSE principal || ' signed on with a password of Vault''s own' END,
    event_time, proofs, event_time, event_time, CASE WHEN login AND NOT refused THEN ['identity_link'] ELSE [] END, to_json({'system': system, 'person': principal, 'action': what})
FROM members
