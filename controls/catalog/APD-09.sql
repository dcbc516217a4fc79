WITH members AS (
    SELECT *, date_diff('minute', starts_at, ends_at) || ' min' AS length,
        list_filter(acts, lambda a: len(list_filter(prefixes, lambda p: starts_with(a, p))) > 0) AS secrets
    FROM root_use_facts, (SELECT coalesce(list(prefix), []) AS prefixes FROM scope_secret_paths)
    WHERE starts_at >= $period_start AND starts_at < $period_end
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN ticket IS NULL THEN 'EXCEPTION' ELSE 'PASS' END AS verdict,
        coalesce('covered by ticket ' || ticket, 'no emergency ticket names ' || system || ' at ' || instant_text(starts_at)) AS reason, ticket_proofs AS proofs
    FROM members
    UNION ALL
    SELECT subject, 'B',
        CASE WHEN ticket IS NULL THEN 'NOT_APPLICABLE'
             WHEN approver IS NOT NULL AND approver <> requester AND approver <> coalesce(principal, requester) AND approved_at <= ticket_due THEN 'PASS'
             ELSE 'EXCEPTION' END,
        CASE WHEN ticket IS NULL THEN 'no ticket, so no approval to judge'
             ELSE 'asked by ' || coalesce(requester, 'nobody') || ', approved by ' || coalesce(approver || ' at ' || instant_text(approved_at), 'nobody') END,
        ticket_proofs
    FROM members
    UNION ALL
    SELECT subject, 'C',
        CASE WHEN ends_at - starts_at > longest THEN 'EXCEPTION' WHEN system <> 'vault' OR revoked_at IS NOT NULL THEN 'PASS'
             WHEN starts_at + longest > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        'lasted ' || length || CASE WHEN system <> 'vault' THEN '' WHEN revoked_at IS NULL THEN '; the token was not revoked'
            ELSE '; the token was revoked at ' || instant_text(revoked_at) END, end_proofs
    FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN reviewed THEN 'PASS' WHEN review_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        CASE WHEN reviewed THEN 'reviewed by ' || instant_text(review_due) WHEN review_due > $freeze_at THEN 'the review is due after the freeze'
             WHEN last_review IS NULL THEN 'no review' ELSE 'the review is late, by the user, or does not list every act' END, review_proofs
    FROM members
    UNION ALL
    SELECT subject, 'E',
        CASE WHEN system <> 'vault' THEN 'NOT_APPLICABLE' WHEN len(list_filter(secrets, lambda s: NOT coalesce(scope_has(scope, s), false))) = 0 THEN 'PASS'
             ELSE 'EXCEPTION' END,
        CASE WHEN system <> 'vault' THEN 'no root token' WHEN len(secrets) = 0 THEN 'no production secret path was used'
             ELSE 'used ' || array_to_string(list_sort(list_distinct(secrets)), ', ') END, ticket_proofs
    FROM members
)
SELECT 'uses' AS population, a.subject, a.attribute, a.verdict, a.reason, m.starts_at AS event_time,
    proofs(list_concat(m.evidence, a.proofs)) AS evidence, m.starts_at AS window_start,
    CASE a.attribute WHEN 'C' THEN m.starts_at + m.longest WHEN 'D' THEN m.review_due ELSE m.ticket_due END AS window_end,
    to_json({'system': m.system, 'credential': m.credential}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
