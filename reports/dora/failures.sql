-- Which deployments failed, how sure that is, how long it lasted, and which deployments were rework.
-- Never across services or environments.

CREATE OR REPLACE TEMP TABLE dora_method(method VARCHAR, confidence DOUBLE, priority INTEGER);
INSERT INTO dora_method VALUES
    ('root_cause', 1.0, 1), ('manual', 1.0, 2), ('revert', 0.9, 3), ('rollback', 0.9, 4), ('hotfix', 0.6, 5), ('temporal', 0.5, 6);

CREATE OR REPLACE TEMP TABLE dora_failure_link AS
WITH judged AS (SELECT * FROM dora_incident WHERE change_related IS DISTINCT FROM false),
-- A cause that abbreviates the id of one commit names that commit.
long AS (
    SELECT a.repo, a.named, any_value(c.sha) AS sha
    FROM (SELECT DISTINCT repo, root_cause_sha AS named, length(root_cause_sha) AS letters FROM judged WHERE length(root_cause_sha) BETWEEN 7 AND 39) a
         JOIN dora_raw_commits c ON c.repo = a.repo AND left(c.sha, a.letters) = a.named
    GROUP BY a.repo, a.named HAVING count(DISTINCT c.sha) = 1
),
-- A squash leaves the branch's commits behind: a cause named by one of them is the squash.
cause AS (
    SELECT incident_id, service, environment, root_cause_sha AS sha FROM judged
    UNION
    SELECT i.incident_id, i.service, i.environment, l.sha FROM judged i JOIN long l ON l.repo = i.repo AND l.named = i.root_cause_sha
    UNION
    SELECT i.incident_id, i.service, i.environment, p.merge_sha
    FROM judged i JOIN dora_raw_pr_commits b ON b.repo = i.repo AND b.sha = i.root_cause_sha
         JOIN dora_pull_request p ON p.repo = b.repo AND p.pr = b.pr
),
hotfix AS (
    SELECT c.repo || '#' || c.pr AS evidence_id, f.dep, f.service, f.environment
    FROM dora_hotfix h JOIN dora_brought_pull_request c USING (repo, pr) JOIN dora_deployment f USING (dep)
    WHERE f.kind <> 'baseline'
),
link AS (
    -- Decision 11: however long ago.
    SELECT 'incident' AS evidence_kind, i.incident_id AS evidence_id, min(c.dep) AS dep, NULL AS remediation, 'root_cause' AS method
    FROM cause i JOIN dora_change c USING (service, environment, sha)
    GROUP BY i.incident_id, i.service, i.environment
    UNION ALL
    SELECT 'incident', i.incident_id, d.dep, NULL, 'manual'
    FROM judged i JOIN dora_attempt a ON a.deployment_id = i.deployment_id AND a.service = i.service AND a.environment = i.environment
         JOIN dora_deployment d ON d.service = a.service AND d.environment = a.environment AND d.run_id = a.run_id AND d.sha = a.sha
    UNION ALL
    -- Both in one deployment: the change was never live without its revert.
    SELECT 'pull_request', v.repo || '#' || v.pr, c.dep, f.dep, 'revert'
    FROM dora_revert v JOIN dora_carried_pull_request c ON c.repo = v.repo AND c.pr = v.target_pr
         LEFT JOIN dora_brought_pull_request f ON f.repo = v.repo AND f.pr = v.pr AND f.service = c.service AND f.environment = c.environment
    WHERE f.dep IS DISTINCT FROM c.dep
    UNION ALL
    -- Decision 2: the first change-bearing deployment after the target.
    SELECT 'deployment', r.deployment_id, min(d.dep), r.dep, 'rollback'
    FROM dora_deployment r JOIN dora_deployment d ON d.service = r.service AND d.environment = r.environment
         AND d.dep > coalesce(r.target, 0) AND d.dep < r.dep AND d.change_bearing
    WHERE r.kind = 'rollback'
    GROUP BY r.dep, r.deployment_id
    UNION ALL
    -- The change-bearing deployment before the one that brought the hotfix.
    SELECT 'pull_request', f.evidence_id, d.dep, f.dep, 'hotfix'
    FROM hotfix f ASOF JOIN (SELECT * FROM dora_deployment WHERE change_bearing) d
         ON d.service = f.service AND d.environment = f.environment AND f.dep > d.dep
    UNION ALL
    SELECT 'incident', i.incident_id, max(d.dep), NULL, 'temporal'
    FROM (SELECT *, created_at - to_microseconds((temporal_hours * 3600000000)::BIGINT) AS earliest FROM judged, dora_parameter) i
         JOIN dora_deployment d ON d.service = i.service AND d.environment = i.environment AND d.change_bearing
              AND d.finished_at BETWEEN i.earliest AND i.created_at
    GROUP BY i.incident_id, i.service, i.environment
)
SELECT l.*, d.deployment_id, d.service, d.environment, d.is_production, m.confidence,
       -- All links are kept; of one piece of evidence the surest is chosen.
       row_number() OVER (PARTITION BY l.evidence_kind, l.evidence_id, d.service, d.environment ORDER BY m.priority, l.dep) = 1 AS is_chosen,
       is_chosen AND m.confidence >= p.threshold AS counts
FROM link l JOIN dora_deployment d USING (dep) JOIN dora_method m USING (method), dora_parameter p
-- Decision 2: a rollback or redeploy is never itself blamed.
WHERE d.change_bearing;

CREATE OR REPLACE TEMP TABLE dora_failed AS
SELECT dep, max(confidence) AS confidence, arg_min(method, priority) AS method
FROM dora_failure_link JOIN dora_method m USING (method, confidence)
WHERE counts
GROUP BY dep;

-- Decision 4: the last resolution of the linked incidents; without incidents the first remediation. Open ones stay.
CREATE OR REPLACE TEMP TABLE dora_recovery AS
WITH incident AS (
    SELECT l.dep, count(*) FILTER (WHERE i.resolved_at IS NULL) AS unresolved, max(i.resolved_at) AS resolved_at
    FROM dora_failure_link l JOIN dora_incident i ON i.incident_id = l.evidence_id AND i.service = l.service AND i.environment = l.environment
    WHERE l.counts AND l.evidence_kind = 'incident'
    GROUP BY l.dep
),
remediation AS (
    SELECT l.dep, min(d.finished_at) AS finished_at
    FROM dora_failure_link l JOIN dora_deployment d ON d.dep = l.remediation
    WHERE l.counts
    GROUP BY l.dep
)
SELECT f.dep, d.finished_at AS failed_at,
       CASE WHEN i.unresolved > 0 THEN NULL WHEN i.dep IS NOT NULL THEN i.resolved_at ELSE r.finished_at END AS restored_at
FROM dora_failed f JOIN dora_deployment d USING (dep) LEFT JOIN incident i USING (dep) LEFT JOIN remediation r USING (dep);

-- Unplanned deployments: rollbacks, hotfixes, reverts, and what names the incident that it answers.
CREATE OR REPLACE TEMP TABLE dora_rework AS
WITH reason AS (
    SELECT dep, 'rollback' AS reason FROM dora_deployment WHERE kind = 'rollback'
    UNION
    SELECT c.dep, 'hotfix' FROM dora_hotfix h JOIN dora_brought_pull_request c USING (repo, pr)
    UNION
    -- Also of what is not known; but a change that was only live with its revert was never taken back.
    SELECT c.dep, 'revert' FROM dora_revert v JOIN dora_brought_pull_request c USING (repo, pr)
    WHERE NOT EXISTS (
        FROM dora_carried_pull_request t
        WHERE t.repo = v.repo AND t.pr = v.target_pr AND t.service = c.service AND t.environment = c.environment AND t.dep >= c.dep
    )
    UNION
    SELECT c.dep, 'incident fix' FROM dora_incident_fix x JOIN dora_brought_pull_request c USING (repo, pr, service, environment)
    UNION
    SELECT c.dep, 'incident fix' FROM dora_incident i JOIN dora_change c ON c.service = i.service AND c.environment = i.environment AND c.sha = i.fix_sha
    UNION
    SELECT d.dep, 'incident fix' FROM dora_incident i JOIN dora_deployment d ON d.service = i.service AND d.environment = i.environment AND d.ticket = i.incident_id
)
SELECT dep, string_agg(reason, ', ' ORDER BY reason) AS reason
FROM reason JOIN dora_deployment d USING (dep)
WHERE d.kind <> 'baseline'
GROUP BY dep;
