SELECT replace(metric, '_', ' ') AS metric, histogram, p50 AS median
FROM metric_value
WHERE grain = 'window' AND service = 'all' AND unit = 'minutes' AND n > 0 AND withheld_by IS NULL
    AND metric IN ('lead_time', 'failed_deployment_recovery_time', 'mttr', 'pipeline_duration')
ORDER BY metric
