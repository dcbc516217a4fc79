WITH members AS (
    SELECT *, concat_ws(' ', verb, resource || coalesce('/' || subresource, ''), namespace || '/' || coalesce(object_name, '*')) AS what
    FROM interactive_access_facts WHERE called_at >= $period_start AND called_at < $period_end
), answers AS (
    SELECT subject, 'A' AS attribute, CASE WHEN ticket IS NULL THEN 'EXCEPTION' ELSE 'PASS' END AS verdict,
        what || ' by ' || principal || coalesce('; covered by ticket ' || ticket, '; no ticket covers it') AS reason, ticket_proofs AS proofs
    FROM members
    UNION ALL
    SELECT subject, 'B',
        CASE WHEN authored IS NOT NULL OR (resolved AND NOT on_duty) THEN 'EXCEPTION' WHEN NOT resolved THEN 'INDETERMINATE' ELSE 'PASS' END,
        principal || CASE WHEN NOT resolved THEN ' is not resolved to a person' WHEN on_duty THEN ' was on call' ELSE ' was not on call' END
            || coalesce('; had changed the workload by ' || authored, ''), duty_proofs
    FROM members
    UNION ALL
    SELECT subject, 'C',
        CASE WHEN ticket IS NULL THEN 'NOT_APPLICABLE' WHEN approver <> principal AND approver <> requester THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN ticket IS NULL THEN 'no ticket, so no approval to judge' ELSE 'approved by ' || coalesce(approver, 'nobody') END, ticket_proofs
    FROM members
    UNION ALL
    SELECT subject, 'D', CASE WHEN seen IS NULL OR reviewed_by_other THEN 'PASS' WHEN review_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        CASE WHEN seen IS NULL THEN 'the runtime sensor saw nothing in the pod'
             ELSE seen || CASE WHEN reviewed_by_other THEN ', reviewed with ticket ' || ticket ELSE ', not explained by a review' END END,
        list_concat(seen_proofs, review_proofs)
    FROM members
    UNION ALL
    SELECT subject, 'E', CASE WHEN reviewed_in_time THEN 'PASS' WHEN review_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
        CASE WHEN reviewed_in_time THEN 'reviewed by somebody else by ' || instant_text(review_due)
             WHEN review_due > $freeze_at THEN 'the review is due after the freeze'
             WHEN last_review IS NULL THEN 'no review' ELSE 'the review is late, or by the person itself' END, review_proofs
    FROM members
)
SELECT 'accesses' AS population, a.subject, a.attribute, a.verdict, a.reason, m.called_at AS event_time,
    proofs(list_concat(m.proofs, a.proofs)) AS evidence, m.called_at AS window_start,
    CASE WHEN a.attribute IN ('D', 'E') THEN m.review_due ELSE m.ticket_due END AS window_end,
    to_json({'person': m.principal, 'namespace': m.namespace, 'pod': m.pod}) AS covers
FROM answers AS a JOIN members AS m USING (subject)
