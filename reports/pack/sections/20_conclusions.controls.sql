SELECT c.control, c.title, c.conclusion, c.severity, c.reason,
    count(DISTINCT (v.population, v.subject)) AS members,
    count(*) FILTER (v.verdict = 'PASS') AS passes,
    count(*) FILTER (v.verdict = 'EXCEPTION') AS exceptions,
    count(*) FILTER (v.verdict = 'EXEMPT') AS exempt,
    count(*) FILTER (v.verdict = 'INDETERMINATE') AS indeterminate
FROM assessment_controls AS c
LEFT JOIN assessment_verdicts AS v ON v.control = c.control AND v.population <> 'population'
GROUP BY ALL
ORDER BY c.control
