-- The evidence of the value $metric_value_id, from the relations metric_value and metric_evidence:
-- its own where it is kept, else that of the days of its period.
WITH asked AS (SELECT * FROM metric_value WHERE metric_value_id = $metric_value_id),
own AS (SELECT e.* FROM metric_evidence e JOIN asked USING (metric_value_id))
SELECT role, fact_type, fact_id, reason FROM own
UNION ALL
SELECT e.role, e.fact_type, e.fact_id, e.reason
FROM asked a JOIN metric_value d ON d.metric = a.metric AND d.service = a.service AND d.definition_version = a.definition_version
         AND d.grain = 'day' AND d.period_start >= a.period_start AND d.period_start < a.period_end
     JOIN metric_evidence e ON e.metric_value_id = d.metric_value_id
WHERE a.grain <> 'day' AND NOT EXISTS (FROM own)
ORDER BY role, fact_type, fact_id, reason
