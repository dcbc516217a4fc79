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

-- Decision 6: the pull request that a revert takes back, always of its own repository; NULL where it is not known.
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
    -- A squash may have added a number, of the pull request itself or of the one that it takes back.
    SELECT repo, pr, merged_at, 3, regexp_extract(quoted, ' \(#([0-9]+)\)$', 1), regexp_replace(quoted, ' \(#[0-9]+\)$', '')
    FROM (SELECT *, regexp_extract(title, '^Revert "(.*)"(?: \(#[0-9]+\))?$', 1) AS quoted FROM dora_pull_request)
)
SELECT n.repo, n.pr, t.pr AS target_pr
FROM named n LEFT JOIN dora_pull_request t ON t.repo = n.repo AND t.pr <> n.pr
    AND ((n.target <> '' AND t.pr = n.target) OR (n.title <> '' AND t.title = n.title AND t.merged_at <= n.merged_at))
WHERE n.target <> '' OR n.title <> ''
QUALIFY row_number() OVER (PARTITION BY n.repo, n.pr ORDER BY t.pr IS NULL, n.rank, t.pr IS DISTINCT FROM n.target, t.merged_at DESC, t.pr) = 1;

CREATE OR REPLACE TEMP TABLE dora_hotfix AS
SELECT r.repo, r.pr FROM dora_pull_request r, dora_parameter p
WHERE list_has_any(list_transform(r.label, lambda x: lower(x)), p.hotfix_labels)
   OR len(list_filter(p.hotfix_branches, lambda x: starts_with(r.head_branch, x))) > 0;

-- Decision 5: a pull request that names an incident: an issue by its number, or the incident by its id, as a word.
CREATE OR REPLACE TEMP TABLE dora_incident_fix AS
WITH reference AS (
    SELECT repo, pr, name, contains(name, '#') AS is_issue, split_part(name, '#', 1) AS other, split_part(name, '#', -1) AS number
    FROM (
        SELECT repo, pr, unnest(label || issues || regexp_extract_all(title || ' ' || body, '((?:[[:word:].-]+/[[:word:].-]+)?#[0-9]+)', 1)) AS name
        FROM dora_pull_request
    )
),
word AS (
    SELECT repo, pr, unnest(regexp_extract_all(said, '[[:alnum:]_-]+') || regexp_extract_all(said, '[[:alpha:]]+[_-]?[0-9]+')) AS name
    FROM (SELECT repo, pr, concat_ws(' ', title, body, head_branch, array_to_string(label, ' ')) AS said FROM dora_pull_request)
)
SELECT repo, pr, incident_id, service, environment FROM (
    SELECT w.repo, w.pr, i.* FROM word w JOIN dora_incident i ON i.incident_id = w.name
    UNION ALL
    SELECT q.repo, q.pr, i.* FROM reference q JOIN dora_incident i ON i.incident_id = q.name
    UNION ALL
    -- A number means an issue of a repository, the same number in another one is another issue, and pull requests share
    -- the issues' numbers.
    SELECT q.repo, q.pr, i.* FROM reference q JOIN dora_incident i ON i.issue_number = q.number
        AND CASE WHEN q.is_issue AND q.other <> '' THEN q.other = i.repo OR ends_with(q.other, '/' || i.repo) ELSE i.repo = q.repo END
    WHERE NOT EXISTS (FROM dora_raw_pull_requests p WHERE p.repo = i.repo AND p.pr = q.number)
) GROUP BY ALL;

-- The deployment that first brought any commit of a pull request that matters: a hotfix may be live before it is merged.
CREATE OR REPLACE TEMP TABLE dora_brought_pull_request AS
WITH wanted AS (
    SELECT repo, pr FROM dora_hotfix UNION SELECT repo, pr FROM dora_incident_fix UNION SELECT repo, pr FROM dora_revert
),
member AS (
    SELECT repo, pr, merge_sha AS sha FROM dora_pull_request
    UNION SELECT repo, pr, sha FROM dora_raw_commits
    UNION SELECT repo, pr, sha FROM dora_raw_pr_commits
),
brought AS (
    SELECT m.repo, m.pr, c.service, c.environment, c.dep, coalesce(len(k.paths) > 0, false) AS is_placed, o.sha IS NOT NULL AS is_outside
    FROM member m SEMI JOIN wanted USING (repo, pr) JOIN dora_change c USING (repo, sha)
         LEFT JOIN dora_raw_commits k ON k.repo = m.repo AND k.sha = m.sha
         LEFT JOIN dora_outside o ON o.repo = m.repo AND o.sha = m.sha AND o.service = c.service
)
SELECT repo, pr, service, environment,
       CASE WHEN bool_or(is_placed) THEN min(dep) FILTER (is_placed AND NOT is_outside) ELSE min(dep) END AS dep
FROM brought GROUP BY ALL HAVING dep IS NOT NULL;
