WITH writes AS (
    SELECT *, resource || coalesce('/' || subresource, '') AS object_kind FROM production_writes
    WHERE called_at >= $period_start AND called_at < $period_end
        AND resource NOT IN ('events', 'leases', 'tokenreviews', 'subjectaccessreviews', 'endpoints', 'endpointslices')
        AND NOT (by_system AND coalesce(subresource, '') = 'status')
), members AS (
    SELECT *, span_at('CHG-10', 'P_CLOCK_SKEW', called_at) AS skew, called_at + span_at('CHG-10', 'P_BG_OPEN_MIN', called_at) AS ticket_due,
        NOT by_deployer AND len(list_filter(coalesce(CAST(allowed_actions AS JSON)::VARCHAR[], []), lambda a:
            (split_part(a, ' ', 1) IN (verb, '*') AND object_kind GLOB split_part(a, ' ', 2))
            OR (split_part(a, ' ', 1) = 'write' AND concat_ws('/', namespace, object_kind) GLOB split_part(a, ' ', 2)))) > 0 AS registered
    FROM writes
), runs AS (
    SELECT repo, run_id, path, attempt_started_at AS starts_at, coalesce(next_started_at, ended_at) AS ends_at, service, attempt_proofs
    FROM attempt_facts WHERE path IN (SELECT value FROM scope_values WHERE name IN ('deploy_workflow', 'rollback_workflow'))
), running AS (
    SELECT m.subject, min(r.run_id) AS run_id, flatten(list(r.attempt_proofs)) AS proofs
    FROM members AS m JOIN runs AS r ON m.called_at >= r.starts_at - m.skew AND m.called_at <= r.ends_at + m.skew
    WHERE m.by_deployer GROUP BY m.subject
), covered AS (
    SELECT m.subject, min(t.ticket_key) AS ticket, list(t.evidence) AS proofs
    FROM members AS m
    JOIN tickets AS t ON t.ticket_type IN ('emergency', 'break-glass', 'break_glass', 'access') AND t.scope_system = 'kubernetes' AND t.opened_at <= m.ticket_due
        AND m.called_at < coalesce(t.valid_to, t.expires_at, t.closed_at, t.incident_resolved_at, t.opened_at + INTERVAL 1 DAY)
        AND coalesce(t.scope ->> '$.namespace', m.namespace, '-') = coalesce(m.namespace, '-')
        AND coalesce(t.scope ->> '$.person', t.beneficiary, t.requester) = m.principal AND t.approver IS NOT NULL AND t.approver <> m.principal
    WHERE m.by_person GROUP BY m.subject
), carried AS (
    -- The commit that the workload's pods carried next, and the deployment in force then.
    SELECT m.subject, m.object_name, min_by(c.deployed_sha, c.as_of) AS sha, min(c.as_of) AS seen_at, min_by(c.evidence, c.as_of) AS evidence
    FROM members AS m JOIN running_containers AS c ON c.namespace = m.namespace AND c.workload = m.object_name AND c.as_of >= m.called_at AND c.deployed_sha IS NOT NULL
    WHERE m.by_deployer GROUP BY ALL
), in_force AS (
    -- When the pods were seen: the last deployment that succeeded, or the last that began.
    SELECT c.subject, [max_by(d.sha, d.created_at) FILTER (d.succeeded_at <= c.seen_at), max_by(d.sha, d.created_at)] AS shas
    FROM carried AS c JOIN production_deployments AS d ON (d.service = c.object_name OR starts_with(c.object_name, d.service || '-')) AND d.created_at <= c.seen_at
    GROUP BY c.subject
), facts AS (
    SELECT m.*, r.run_id, k.ticket, c.sha AS carried, f.shas AS deployed, CASE WHEN r.run_id IS NOT NULL THEN 'A' WHEN m.registered THEN 'B' WHEN k.ticket IS NOT NULL THEN 'C' END AS by_way,
        concat_ws(' ', m.verb, m.object_kind, m.object_name) || ' by ' || m.principal AS what, proofs(list_concat(m.proofs, [m.nhi_evidence], coalesce(r.proofs, []), coalesce(k.proofs, []))) AS evidence,
        proofs(list_append(m.proofs, c.evidence)) AS carried_proofs
    FROM members AS m LEFT JOIN running AS r USING (subject) LEFT JOIN covered AS k USING (subject) LEFT JOIN carried AS c USING (subject) LEFT JOIN in_force AS f USING (subject)
)
SELECT 'writes' AS population, f.subject, w.letter AS attribute,
    CASE WHEN f.by_way = w.letter THEN 'PASS' WHEN f.by_way IS NULL AND w.letter = 'A' THEN 'EXCEPTION' ELSE 'NOT_APPLICABLE' END AS verdict,
    f.what || CASE WHEN f.by_way IS NULL THEN '; neither the pipeline in a run, nor a registered controller, nor a person under a ticket' WHEN f.by_way = 'A' THEN ' during run ' || f.run_id
        WHEN f.by_way = 'B' THEN ', as registered' ELSE ' under ticket ' || f.ticket END AS reason,
    f.called_at AS event_time, f.evidence, f.called_at AS window_start, CASE WHEN f.by_person THEN f.ticket_due ELSE f.called_at END AS window_end,
    CASE WHEN f.by_person THEN ['itsm.ticket', 'inc'] WHEN f.by_deployer THEN ['gh.run'] ELSE [] END AS needs
FROM facts AS f, (VALUES ('A'), ('B'), ('C')) AS w(letter)
UNION ALL
SELECT 'writes', subject, 'D', CASE WHEN NOT by_deployer OR resource NOT IN ('deployments', 'statefulsets', 'daemonsets') THEN 'NOT_APPLICABLE' WHEN carried IS NULL OR deployed IS NULL THEN 'INDETERMINATE' WHEN list_contains(deployed, carried) THEN 'PASS' ELSE 'EXCEPTION' END,
    CASE WHEN NOT by_deployer OR resource NOT IN ('deployments', 'statefulsets', 'daemonsets') THEN 'no workload written by the pipeline' WHEN carried IS NULL THEN 'no pod of the workload was seen afterwards' WHEN deployed IS NULL THEN 'no deployment is known'
         ELSE 'pods carry ' || left(carried, 7) || ', deployed was ' || left(deployed[2], 7) END, called_at, carried_proofs, called_at, called_at, []
FROM facts
