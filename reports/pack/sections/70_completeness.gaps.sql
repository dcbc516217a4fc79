SELECT stream, day, string_agg(DISTINCT reason, '; ') AS reason
FROM custody_partitions
WHERE day >= (SELECT first FROM pack_period) AND day < (SELECT end_day FROM pack_period)
GROUP BY stream, day
HAVING NOT bool_or(status = 'complete')
ORDER BY stream, day
