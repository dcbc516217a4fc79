SELECT stream, day, CASE WHEN bool_or(status = 'complete') THEN 'complete' ELSE 'partial' END AS status
FROM custody_partitions
WHERE day >= (SELECT first FROM pack_period) AND day < (SELECT end_day FROM pack_period)
GROUP BY stream, day
ORDER BY stream, day
