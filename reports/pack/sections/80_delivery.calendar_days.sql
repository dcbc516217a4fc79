-- One row where deployments are known, none where their source is not.
SELECT list({'day': period_start, 'count': n} ORDER BY period_start) AS days
FROM metric_value
WHERE grain = 'day' AND service = 'all' AND metric = 'deployment_frequency' AND status = 'ok'
HAVING count(*) > 0
