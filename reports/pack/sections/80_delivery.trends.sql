-- What is withheld of the period is not drawn by week either.
SELECT replace(m.metric, '_', ' ') AS metric, any_value(m.unit) AS unit, CAST(any_value(t.target) AS DOUBLE) AS target,
    list({
        'label': strftime(m.period_start, '%d %b'),
        'value': CASE WHEN m.unit = 'ratio' THEN round(m.value, 3) ELSE round(m.value, 1) END,
        'partial': m.status = 'partial'
    } ORDER BY m.period_start) AS points
FROM metric_value AS m
JOIN (VALUES
    ('deployment_frequency', 5), ('lead_time', 120), ('change_failure_rate', NULL), ('deployment_success_rate', 0.98),
    ('failed_deployment_recovery_time', 30), ('rework_rate', NULL), ('pipeline_duration', 25), ('mtta', 5)
) AS t(metric, target) USING (metric)
WHERE m.grain = 'week' AND m.service = 'all' AND m.withheld_by IS NULL AND m.status <> 'no_source'
GROUP BY m.metric
ORDER BY m.metric
