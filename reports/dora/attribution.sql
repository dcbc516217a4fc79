-- The walk's results, joined to what they are about.

CREATE OR REPLACE TEMP TABLE dora_deployment AS
SELECT r.*, coalesce(k.kind, 'change') AS kind, k.previous, k.target,
       -- Decision 9: a baseline bears change. A deployment without a SHA cannot be shown not to.
       coalesce(k.kind NOT IN ('redeploy', 'rollback'), true) AS change_bearing
FROM dora_release r LEFT JOIN dora_kind k USING (dep);

CREATE OR REPLACE TEMP TABLE dora_change AS
SELECT c.dep, c.sha, d.repo, d.service, d.environment
FROM dora_carried c JOIN dora_deployment d USING (dep);

-- The first successful production deployment of each commit of a service.
CREATE OR REPLACE TEMP TABLE dora_first_production AS
SELECT c.service, c.repo, c.sha, arg_min(d.dep, (d.finished_at, d.dep)) AS dep
FROM dora_change c JOIN dora_deployment d USING (dep)
WHERE d.is_production
GROUP BY ALL;

-- A pull request is carried where its merge commit is; in a monorepo, where one of its commits touches the service.
CREATE OR REPLACE TEMP TABLE dora_carried_pull_request AS
WITH touched AS (
    SELECT repo, sha, pr FROM dora_raw_commits WHERE len(paths) > 0
),
pr_touched AS (
    SELECT p.repo, p.pr, t.sha FROM dora_pull_request p JOIN touched t ON t.repo = p.repo AND (t.sha = p.merge_sha OR t.pr = p.pr)
)
SELECT c.dep, c.service, c.environment, p.repo, p.pr
FROM dora_pull_request p JOIN dora_change c ON c.repo = p.repo AND c.sha = p.merge_sha
WHERE NOT EXISTS (SELECT 1 FROM pr_touched t WHERE t.repo = p.repo AND t.pr = p.pr)
   OR EXISTS (
       SELECT 1 FROM pr_touched t WHERE t.repo = p.repo AND t.pr = p.pr
         AND NOT EXISTS (SELECT 1 FROM dora_outside o WHERE o.repo = t.repo AND o.sha = t.sha AND o.service = c.service)
   );

-- Decision 6: the pull request that a revert takes back, always of its own repository.
-- A branch, then a body, then a title is believed.
CREATE OR REPLACE TEMP TABLE dora_revert AS
WITH named AS (
    SELECT repo, pr, merged_at, 1 AS rank, regexp_extract(head_branch, '^revert-([0-9]+)-', 1) AS target, NULL AS title FROM dora_pull_request
    UNION ALL
    SELECT repo, pr, merged_at, 2, number, NULL FROM (
        SELECT repo, pr, merged_at, regexp_extract(body, 'Reverts ([[:word:].-]+/[[:word:].-]+)?#[0-9]+', 1) AS other,
               regexp_extract(body, 'Reverts (?:[[:word:].-]+/[[:word:].-]+)?#([0-9]+)', 1) AS number
        FROM dora_pull_request
    ) WHERE other IN ('', repo) OR ends_with(other, '/' || repo)
    UNION ALL
    SELECT repo, pr, merged_at, 3, NULL, regexp_extract(title, '^Revert "(.*)"$', 1) FROM dora_pull_request
)
SELECT n.repo, n.pr, t.pr AS target_pr, t.merge_sha AS target_sha
FROM named n JOIN dora_pull_request t ON t.repo = n.repo AND t.pr <> n.pr
    AND ((n.target <> '' AND t.pr = n.target) OR (n.title <> '' AND t.title = n.title AND t.merged_at <= n.merged_at))
QUALIFY row_number() OVER (PARTITION BY n.repo, n.pr ORDER BY n.rank, t.merged_at DESC, t.pr) = 1;

CREATE OR REPLACE TEMP TABLE dora_hotfix AS
SELECT r.repo, r.pr FROM dora_pull_request r, dora_parameter p
WHERE list_has_any(list_transform(r.label, lambda x: lower(x)), p.hotfix_labels)
   OR len(list_filter(p.hotfix_branches, lambda x: starts_with(r.head_branch, x))) > 0;

-- Decision 5: a pull request that names an incident, by reference, ticket field or label.
CREATE OR REPLACE TEMP TABLE dora_incident_fix AS
WITH reference AS (
    SELECT repo, pr, unnest(label || issues) AS name FROM dora_pull_request
    UNION ALL
    SELECT repo, pr, unnest(regexp_extract_all(title || ' ' || body,
        '(?i)\b(?:close|closes|closed|fix|fixes|fixed|resolve|resolves|resolved):?\s+((?:[[:word:].-]+/[[:word:].-]+)?#[0-9]+)', 1))
    FROM dora_pull_request
),
parsed AS (
    SELECT repo, pr, name, split_part(name, '#', 1) AS other,
           CASE WHEN contains(name, '#') THEN split_part(name, '#', -1) ELSE name END AS number
    FROM reference
)
SELECT DISTINCT q.repo, q.pr, i.incident_id, i.service, i.environment
FROM parsed q JOIN dora_incident i
  ON q.name = i.incident_id
  -- A number means an issue of a repository, and the same number in another one is another issue.
  OR (q.number = i.issue_number AND (
      (contains(q.name, '#') AND q.other <> '' AND (q.other = i.repo OR ends_with(q.other, '/' || i.repo)))
      OR (i.repo = q.repo AND (NOT contains(q.name, '#') OR q.other = ''))));
