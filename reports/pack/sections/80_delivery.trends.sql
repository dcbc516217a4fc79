SELECT replace(metric, '_', ' ') AS metric, any_value(unit) AS unit,
    list((strftime(period_start, '%d %b'), CASE WHEN unit = 'ratio' THEN round(value, 3) ELSE round(value, 1) END)
        ORDER BY period_start) AS points
FROM metric_value
WHERE grain = 'week' AND service = 'all'
    AND metric IN ('deployment_frequency', 'lead_time', 'change_failure_rate', 'failed_deployment_recovery_time')
GROUP BY metric
ORDER BY metric
