-- Each review with its state before any dismissal, and the dismissal: a dismissal rewrites the stored state, so the
-- issue event, an earlier captured version and the audit log tell what was there and when it ended.
WITH versions AS (
    SELECT review_id, any_value(repo) AS repo, any_value(pull_number) AS pull_number, any_value(user_id) AS user_id,
        any_value(user_login) AS user_login, any_value(user_type) AS user_type, any_value(commit_id) AS commit_id,
        min(submitted_at) AS submitted_at, bool_or(state = 'DISMISSED') AS dismissed,
        max(state) FILTER (state NOT IN ('DISMISSED', 'PENDING')) AS stated, list(evidence) AS evidence
    FROM github_reviews
    WHERE submitted_at IS NOT NULL
    GROUP BY review_id
), events AS (
    SELECT dismissed_review_id AS review_id, created_at AS at, actor_id, upper(dismissed_review_state) AS state_before,
        coalesce(dismissal_message, '') AS message, evidence
    FROM github_issue_events
    WHERE event = 'review_dismissed' AND dismissed_review_id IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY dismissed_review_id ORDER BY created_at, record) = 1
), logged AS (
    SELECT v.review_id, a.event_time AS at, a.actor_id, a.evidence
    FROM versions AS v
    JOIN pull_requests AS p ON p.repo = v.repo AND p.number = v.pull_number
    JOIN github_audit_log AS a ON a.action = 'pull_request_review.dismiss' AND a.pull_request_id = p.pull_id
        AND a.event_time >= v.submitted_at
    WHERE v.dismissed
    QUALIFY row_number() OVER (PARTITION BY v.review_id ORDER BY a.event_time, a.record) = 1
)
SELECT v.* EXCLUDE (dismissed, stated, evidence), coalesce(v.dismissed OR e.at IS NOT NULL, false) AS dismissed,
    coalesce(e.state_before, v.stated) AS state_before, coalesce(e.at, l.at) AS dismissed_at,
    coalesce(e.actor_id, l.actor_id) AS dismissed_by, e.message AS dismissal_message,
    proofs(list_concat(v.evidence, [e.evidence, l.evidence])) AS evidence
FROM versions AS v
LEFT JOIN events AS e USING (review_id)
LEFT JOIN logged AS l USING (review_id)
