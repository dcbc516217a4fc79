SELECT replace(metric, '_', ' ') AS metric, service, unit, n,
    CASE WHEN unit = 'ratio' THEN round(value, 3) ELSE round(value, 1) END AS value,
    CASE WHEN ci_low IS NULL THEN '' ELSE format('{:.3f} – {:.3f}', ci_low, ci_high) END AS interval,
    replace(status, '_', ' ') AS status
FROM metric_value
WHERE grain = 'window'
ORDER BY metric, service = 'all' DESC, service
