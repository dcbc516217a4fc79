WITH decided AS (
    SELECT campaign_id, decided_by, decided_at, proofs, coalesce(opened_at, first_at, $period_start) AS began_at, date_diff('millisecond', lag(decided_at) OVER (PARTITION BY campaign_id, decided_by ORDER BY decided_at, line_id), decided_at) / 1000.0 AS seconds
    FROM access_review_lines
    WHERE decided_by IS NOT NULL AND decided_at IS NOT NULL
        AND CASE WHEN period IS NOT NULL THEN period = $period ELSE coalesce(opened_at, first_at, $period_start) >= $period_start AND coalesce(opened_at, first_at, $period_start) < $period_end END
), counted AS (
    SELECT campaign_id, decided_by, count(*) AS lines, median(seconds) AS pace, max(decided_at) AS last_at, flatten(list(proofs)) AS proofs FROM decided GROUP BY ALL
)
SELECT 'reviewers' AS population, campaign_id || '/reviewer:' || decided_by AS subject, 'E' AS attribute, 'PASS' AS verdict,
    lines || ' lines' || coalesce(', ' || round(pace, 1) || ' s each (median)', '') || CASE WHEN lines > number_at('APD-05', 'P_UAR_BULK', last_at) AND pace < 2 THEN '; flagged for the tester: may be a rubber stamp' ELSE '' END AS reason,
    last_at AS event_time, proofs(proofs) AS evidence
FROM counted
