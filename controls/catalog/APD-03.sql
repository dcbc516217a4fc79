SELECT 'members' AS population, subject, 'B' AS attribute, CASE WHEN outside THEN 'NOT_APPLICABLE' WHEN links = 1 THEN 'PASS' ELSE 'EXCEPTION' END AS verdict,
    CASE WHEN outside THEN 'no member, but an outside collaborator (E)' WHEN links = 0 THEN 'not linked to the identity provider' ELSE links || ' links to the identity provider' END AS reason,
    as_of AS event_time, proofs AS evidence, ['gh.extid'] AS needs, to_json({'system': 'github', 'person': principal, 'principal': principal, 'account': user_id}) AS covers
FROM organisation_members WHERE as_of >= $period_start AND as_of < $period_end
UNION ALL
SELECT 'members', subject, 'E', CASE WHEN outside THEN 'EXCEPTION' ELSE 'PASS' END, CASE WHEN outside THEN 'an outside collaborator' ELSE 'a member' END,
    as_of, proofs, [], to_json({'system': 'github', 'person': principal, 'principal': principal, 'account': user_id})
FROM organisation_members WHERE as_of >= $period_start AND as_of < $period_end
