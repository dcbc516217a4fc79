SELECT count(DISTINCT (control, population, subject)) AS members,
    count(DISTINCT (control, attribute)) AS attributes,
    count(*) AS verdicts,
    count(*) FILTER (verdict = 'EXCEPTION') AS exceptions,
    count(*) FILTER (verdict = 'INDETERMINATE') AS indeterminate
FROM assessment_verdicts
WHERE population <> 'population'
