WITH attributes AS (
    SELECT a.control, list({
        'attribute': a.attribute, 'text': a.text, 'asked': coalesce(v.asked, 0), 'passes': coalesce(v.passes, 0),
        'exceptions': coalesce(v.exceptions, 0), 'exempt': coalesce(v.exempt, 0),
        'not_applicable': coalesce(v.not_applicable, 0), 'indeterminate': coalesce(v.indeterminate, 0)
    } ORDER BY a.attribute) AS attributes
    FROM assessment_attributes AS a
    LEFT JOIN (
        SELECT control, attribute, count(*) AS asked,
            count(*) FILTER (verdict = 'PASS') AS passes,
            count(*) FILTER (verdict = 'EXCEPTION') AS exceptions,
            count(*) FILTER (verdict = 'EXEMPT') AS exempt,
            count(*) FILTER (verdict = 'NOT_APPLICABLE') AS not_applicable,
            count(*) FILTER (verdict = 'INDETERMINATE') AS indeterminate
        FROM assessment_verdicts GROUP BY ALL
    ) AS v USING (control, attribute)
    GROUP BY a.control
), populations AS (
    SELECT control, list({'population': population, 'member': member, 'rows': rows, 'sha256': sha256} ORDER BY population)
        AS populations
    FROM assessment_populations GROUP BY control
), findings AS (
    SELECT control, count(*) AS found, list({
        'subject': subject, 'attribute': attribute, 'event_time': event_time, 'reason': reason, 'evidence': evidence
    } ORDER BY rank)[:60] AS findings
    FROM (
        SELECT *, row_number() OVER (PARTITION BY control ORDER BY event_time, subject, attribute) AS rank
        FROM assessment_verdicts WHERE verdict = 'EXCEPTION'
    ) GROUP BY control
), causes AS (
    SELECT control, attribute, regexp_replace(reason, '\d{4}-\d\d-\d\d(T[\d:.]+Z)?', '…', 'g') AS cause, count(*) AS lacking,
        arg_min(subject, (event_time, subject)) AS subject
    FROM assessment_verdicts WHERE verdict = 'INDETERMINATE' GROUP BY ALL
), open_causes AS (
    -- Hundreds of items lack the same thing; a page says what it is, the attached results list them.
    SELECT control, count(*) AS causes, list({'attribute': attribute, 'lacking': lacking, 'cause': cause, 'subject': subject}
        ORDER BY lacking DESC, attribute, cause)[:12] AS open_causes
    FROM causes GROUP BY control
), ranked AS (
    SELECT control, subject, min(event_time) AS event_time,
        list({'attribute': attribute, 'verdict': verdict} ORDER BY attribute) AS verdicts,
        row_number() OVER (PARTITION BY control ORDER BY min(event_time), subject) AS first,
        row_number() OVER (PARTITION BY control ORDER BY min(event_time) DESC, subject DESC) AS last
    FROM assessment_verdicts GROUP BY control, population, subject
), members AS (
    SELECT control, list({'subject': subject, 'event_time': event_time, 'verdicts': verdicts} ORDER BY first) AS members
    FROM ranked WHERE first <= 5 OR last <= 5 GROUP BY control
)
SELECT c.*, attributes, populations, findings, greatest(found - 60, 0) AS more, open_causes, greatest(causes - 12, 0) AS more_causes, members
FROM assessment_controls AS c
LEFT JOIN attributes USING (control)
LEFT JOIN populations USING (control)
LEFT JOIN findings USING (control)
LEFT JOIN open_causes USING (control)
LEFT JOIN members USING (control)
ORDER BY c.control
