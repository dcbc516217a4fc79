-- Stored versions of the state files in scope, in the order of writing: does each follow its predecessor, and which run of
-- the infrastructure workflow was at work when it was written. Deletions are versions; the next state follows the last one.
WITH versions AS (
    SELECT k.state, v.s3_version_id AS version_id, v.last_modified, v.serial, v.lineage, v.is_delete_marker, v.resource_count, v.evidence,
        k.state || ':' || v.s3_version_id AS subject
    FROM terraform_states AS v
    JOIN scope_state_keys AS k ON k.bucket = v.s3_bucket AND k.key = v.s3_key
    WHERE v.row_status = 'first'
), ordered AS (
    SELECT *,
        lag(serial IGNORE NULLS) OVER written AS serial_before, lag(lineage IGNORE NULLS) OVER written AS lineage_before,
        lag(evidence) OVER written AS evidence_before
    FROM versions
    WINDOW written AS (PARTITION BY state ORDER BY last_modified, serial NULLS LAST, version_id)
), runs AS (
    SELECT a.*,
        EXISTS (SELECT 1 FROM branch_updates AS u WHERE u.repo = a.repo AND u.after_sha = a.sha AND u.pushed_at <= a.started_at)
            OR EXISTS (SELECT 1 FROM merged_changes AS c WHERE c.repo = a.repo AND c.merge_commit_sha = a.sha AND c.merged_at <= a.started_at) AS merged
    FROM attempt_facts AS a
    WHERE a.path = (SELECT value FROM scope_values WHERE name = 'infra_workflow')
), matched AS (
    SELECT o.subject,
        list({'run': r.subject, 'good': r.good > 0 AND r.independent > 0 AND r.bypassed_at IS NULL AND r.merged,
              'perhaps': (r.perhaps > 0 OR r.half > 0) AND (r.perhaps_independent > 0 OR r.half > 0) AND r.bypassed_at IS NULL AND r.merged}
             ORDER BY r.subject) AS runs,
        flatten(list(list_concat(r.attempt_proofs, r.approval_proofs))) AS proofs
    FROM ordered AS o
    JOIN runs AS r ON o.last_modified >= coalesce(r.attempt_started_at, r.started_at) - span_at('CHG-11', 'P_CLOCK_SKEW', o.last_modified)
        AND o.last_modified <= coalesce(r.completed_at, r.ended_at) + span_at('CHG-11', 'P_CLOCK_SKEW', o.last_modified)
    GROUP BY o.subject
), ticketed AS (
    SELECT o.subject, min(t.ticket_key) AS ticket, list(t.evidence) AS proofs
    FROM ordered AS o
    JOIN tickets AS t ON (scope_has(t.scope, o.state) OR (scope_has(t.scope, split_part(o.state, '/', 1))
            AND scope_has(t.scope, substr(o.state, length(split_part(o.state, '/', 1)) + 2))))
        AND t.approved_at <= o.last_modified AND coalesce(t.valid_to, t.closed_at, t.approved_at + INTERVAL 7 DAY) >= o.last_modified
        AND t.approver <> t.requester
    GROUP BY o.subject
)
SELECT o.* EXCLUDE (evidence_before), coalesce(m.runs, []) AS runs, m.proofs AS run_proofs, t.ticket, t.proofs AS ticket_proofs,
    CASE WHEN o.is_delete_marker THEN 'the state was deleted'
         WHEN o.serial_before IS NULL THEN NULL
         WHEN o.lineage IS DISTINCT FROM o.lineage_before THEN 'the lineage changed'
         WHEN o.serial <> o.serial_before + 1 THEN 'serial ' || o.serial || ' follows ' || o.serial_before END AS discontinuity,
    NOT o.is_delete_marker AND (o.serial IS NULL OR o.lineage IS NULL) AS unread,
    proofs([o.evidence, o.evidence_before]) AS proofs
FROM ordered AS o
LEFT JOIN matched AS m ON m.subject = o.subject
LEFT JOIN ticketed AS t ON t.subject = o.subject
