-- Each pull request as it was seen last, and whether its base is a protected branch in scope.
SELECT p.*, p.repo || '#' || p.number AS change, s.service, coalesce(s.sox_critical, false) AS sox_critical,
    b.branch IS NOT NULL AS protected
FROM (
    FROM github_pull_requests
    QUALIFY row_number() OVER (
        PARTITION BY natural_key
        ORDER BY updated_at DESC NULLS LAST, commits IS NULL, collected_at DESC, merged_at DESC NULLS LAST, record DESC
    ) = 1
) AS p
LEFT JOIN scope_repositories AS s
    ON s.repo = p.repo AND (s.valid_from IS NULL OR s.valid_from <= p.merged_at) AND (s.valid_to IS NULL OR p.merged_at < s.valid_to)
LEFT JOIN scope_branches AS b ON b.repo = s.repo AND b.branch = p.base_ref
