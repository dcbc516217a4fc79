-- Emergency changes (CHG-13): one row per change that an emergency ticket names, by pull request and by deployment, or per
-- ticket that names neither, with the attributes A to D; `satisfied` exempts what the change bypassed. `approved` is NULL where
-- the approver cannot be told from who took part, as that is not known.
WITH named AS (
    SELECT c.change AS subject, t.ticket_key, c.merged_at AS at, c.contributors AS actors, c.contributors, NOT (c.unresolved OR c.commits_missing) AS known,
        [c.merge_commit_sha, c.head_sha] AS shas, [c.evidence] AS proofs
    FROM tickets AS t JOIN change_reviews AS c ON c.repo = t.scope_repo AND c.number = t.scope_pull
    WHERE t.ticket_type = 'emergency'
    UNION ALL
    SELECT d.subject, t.ticket_key, d.created_at,
        list_distinct(list_filter(list(coalesce(r.trigger_principal, p.principal_id)), lambda x: x IS NOT NULL)),
        coalesce(flatten(list(c.contributors) FILTER (c.change IS NOT NULL)), []),
        coalesce(bool_or(CASE WHEN r.run_id IS NULL THEN p.principal_type = 'person' ELSE r.resolved END), false) AND NOT coalesce(bool_or(c.unresolved OR c.commits_missing), false), [d.sha], d.evidence
    FROM tickets AS t
    JOIN production_deployments AS d ON d.repo = t.scope_repo AND d.deployment_id = t.scope_deployment
    LEFT JOIN change_reviews AS c ON c.repo = d.repo AND c.merge_commit_sha = d.sha
    LEFT JOIN run_attempts AS r ON r.run_id = d.run_id AND r.run_attempt = d.run_attempt
    LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(d.creator_id AS VARCHAR)
        AND d.created_at >= p.valid_from AND (p.valid_to IS NULL OR d.created_at < p.valid_to)
    WHERE t.ticket_type = 'emergency'
    GROUP BY ALL
    UNION ALL
    SELECT 'ticket:' || ticket_key, ticket_key, opened_at, list_filter([requester], lambda x: x IS NOT NULL), [], requester IS NOT NULL, NULL, [evidence]
    FROM tickets WHERE ticket_type = 'emergency' AND scope_pull IS NULL AND scope_deployment IS NULL
), reviewed AS (
    SELECT n.subject, n.ticket_key,
        bool_or(NOT list_contains(list_concat(n.contributors, n.actors), r.reviewer) AND coalesce(list_contains(n.shas, r.sha), true) AND r.outcome = 'accepted'
            AND r.reviewed_at <= n.at + span_at('CHG-13', 'P_EMERG_REVIEW', n.at)) AS reviewed,
        bool_or(r.tests_ok AND r.scans_ok
            AND r.tests_finished_at <= n.at + span_at('CHG-13', 'P_EMERG_REVIEW', n.at)
            AND r.scans_finished_at <= n.at + span_at('CHG-13', 'P_EMERG_REVIEW', n.at)) AS retested,
        list(r.evidence) AS proofs
    FROM named AS n
    JOIN (
        FROM company_retrospective_reviews
        QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
    ) AS r ON r.change = n.ticket_key
    GROUP BY ALL
), judged AS (
    SELECT n.subject, n.ticket_key AS ticket, n.at, n.known,
        coalesce(t.incident_at <= n.at AND t.severity <= parameter_at('CHG-13', 'P_EMERG_MIN_SEV', n.at), false) AS justified,
        coalesce(t.approver IN (SELECT worker_id FROM scope_people WHERE role = 'emergency_approvers')
            AND NOT list_contains(n.actors, t.approver) AND NOT list_contains(n.contributors, t.approver)
            AND t.approver <> t.requester
            AND t.approved_at <= n.at + span_at('CHG-13', 'P_EMERG_APPROVAL_H', n.at), false) AS approved,
        coalesce(r.reviewed, false) AS reviewed, coalesce(r.retested, false) AS retested,
        proofs(list_concat(n.proofs, [t.evidence, t.incident_evidence], coalesce(r.proofs, []))) AS proofs
    FROM named AS n
    JOIN tickets AS t ON t.ticket_key = n.ticket_key
    LEFT JOIN reviewed AS r ON r.subject = n.subject AND r.ticket_key = n.ticket_key
)
SELECT * EXCLUDE (known) REPLACE (CASE WHEN NOT approved OR known THEN approved END AS approved), justified AND approved AND known AND reviewed AND retested AS satisfied
FROM judged
