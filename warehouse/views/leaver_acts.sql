-- Acts of leavers' accounts after the termination. Records of the same account and object that are not farther apart than
-- P_CLOCK_SKEW tell of one act; the first stream of the fixed order names it. A scheduled run is nobody's act.
WITH owners AS (
    -- Whom an account belonged to last, whatever became of the link: a link that ends with the employment hides no act.
    SELECT l.worker_id, l.terminated_at, l.evidence AS leaver_evidence, p.system, p.account_key, p.stated_key, p.next_from
    FROM leavers AS l JOIN principals AS p ON p.principal_id = l.worker_id
), told AS (
    SELECT 'github' AS system, CAST(triggering_actor_id AS VARCHAR) AS account_key, 'github.workflow_runs' AS stream, 0 AS place,
        run_id || '/' || run_attempt AS act_key, started_at AS acted_at, repo AS object, evidence
    FROM run_attempts WHERE trigger_event <> 'schedule'
    UNION ALL
    SELECT 'github', CAST(actor_id AS VARCHAR), 'github.audit_log', 1, document_id, event_time, coalesce(repo, org), evidence
    FROM github_audit_log WHERE row_status = 'first' AND trigger_event IS DISTINCT FROM 'schedule'
    UNION ALL
    SELECT 'vault', lower(entity_id), 'vault.audit', 2, request_id, called_at, path, proofs[1] FROM vault_calls WHERE entity_id <> ''
    UNION ALL
    SELECT p.system, p.account_key, 'kubernetes.audit', 3, k.audit_id, k.called_at, concat_ws('/', k.namespace, k.resource, k.object_name), k.proofs[1]
    FROM kubernetes_calls AS k
    JOIN principals AS p ON (p.system = 'kubernetes' AND p.account_key IN (lower(k.effective_user), lower(k.user_name), lower(k.session_name)))
    UNION ALL
    SELECT 'github', CAST(actor_id AS VARCHAR), 'github.branch_activity', 4, CAST(activity_id AS VARCHAR), pushed_at, repo, evidence FROM github_branch_activity
    UNION ALL
    SELECT 'github', CAST(creator_id AS VARCHAR), 'github.deployments', 5, CAST(deployment_id AS VARCHAR), created_at, repo, evidence FROM github_deployments
    UNION ALL
    SELECT 'github', CAST(actor_id AS VARCHAR), 'github.issue_events', 6, CAST(issue_event_id AS VARCHAR), created_at, repo, evidence FROM github_issue_events
    UNION ALL
    SELECT 'github', CAST(user_id AS VARCHAR), 'github.reviews', 7, CAST(review_id AS VARCHAR), submitted_at, repo, evidence FROM github_reviews
), acts AS (
    SELECT DISTINCT o.worker_id, o.terminated_at, o.leaver_evidence, o.system, o.stated_key, t.stream, t.place, t.act_key, t.acted_at, t.object, t.evidence,
        span_at('APD-02', 'P_CLOCK_SKEW', t.acted_at) AS skew
    FROM owners AS o
    JOIN told AS t ON t.system = o.system AND t.account_key = o.account_key AND t.acted_at > o.terminated_at
        AND (o.next_from IS NULL OR t.acted_at < o.next_from)
), numbered AS (
    SELECT *, sum(CAST(opens AS INTEGER)) OVER (PARTITION BY worker_id, system, stated_key, object ORDER BY acted_at, place, act_key) AS act
    FROM (
        SELECT *, coalesce(acted_at - lag(acted_at) OVER (PARTITION BY worker_id, system, stated_key, object ORDER BY acted_at, place, act_key) > skew, true) AS opens
        FROM acts
    )
)
SELECT worker_id, system, stated_key, object, min(terminated_at) AS terminated_at, min(acted_at) AS acted_at, max(acted_at) AS last_at,
    any_value(skew) AS skew, count(*) AS records,
    worker_id || '/' || system || ':' || stated_key || '@' || min_by(stream || ':' || act_key, (place, acted_at, act_key)) AS subject,
    proofs(list_append(list(evidence), any_value(leaver_evidence))) AS evidence
FROM numbered GROUP BY worker_id, system, stated_key, object, act
