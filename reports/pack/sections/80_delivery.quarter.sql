-- A service without a fact is left out, but for the number of its deployments, of which zero says something.
SELECT replace(metric, '_', ' ') AS metric, service, unit, n,
    CASE WHEN withheld_by IS NOT NULL THEN NULL WHEN unit = 'ratio' THEN round(value, 3) ELSE round(value, 1) END AS value,
    CASE WHEN withheld_by IS NULL THEN round(p75, 1) END AS p75, CASE WHEN withheld_by IS NULL THEN round(p90, 1) END AS p90,
    CASE WHEN withheld_by IS NULL THEN round(p95, 1) END AS p95, open_count,
    CASE WHEN ci_low IS NULL OR withheld_by IS NOT NULL THEN '' ELSE format('{:.3f} – {:.3f}', ci_low, ci_high) END AS interval,
    CASE WHEN withheld_by IS NOT NULL THEN 'withheld' ELSE replace(status, '_', ' ') END AS status,
    replace(withheld_by, '_', ' ') AS withheld_by
FROM metric_value
WHERE grain = 'window' AND (service = 'all' OR n > 0 OR metric = 'deployment_frequency')
ORDER BY metric, service = 'all' DESC, service
