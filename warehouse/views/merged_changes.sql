-- Every pull request merged to a protected branch in scope, with the number of approvals it needed.
SELECT *, approvals_needed('CHG-01', sox_critical, merged_at) AS needed
FROM pull_requests
WHERE merged AND merged_at IS NOT NULL AND protected
