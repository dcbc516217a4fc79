-- Observations → one row per metric, service (and the pool `all`) and period.
-- Percentiles come from the facts of each period and pool; nothing is an average of averages.

CREATE OR REPLACE TEMP TABLE dora_dated AS
SELECT * FROM (
    SELECT o.*, timezone(p.zone, timezone('UTC', o.instant))::DATE AS day
    FROM dora_observation o, dora_parameter p
) SEMI JOIN dora_calendar USING (day);

-- Services, then the pool of them. Each fact is seen once by its service and once by the pool.
CREATE OR REPLACE TEMP TABLE dora_seen AS
SELECT * FROM dora_dated
UNION ALL
SELECT * REPLACE ('all' AS service) FROM dora_dated WHERE pooled
UNION ALL
-- Of the team that owned the service then; an incident of two services of a team is one incident of the team.
SELECT d.* REPLACE (t.pool AS service)
FROM dora_dated d JOIN dora_team t ON t.service = d.service
     AND coalesce(t.valid_from <= d.instant, true) AND coalesce(t.valid_to > d.instant, true)
QUALIFY d.fact_type <> 'incident' OR row_number() OVER (PARTITION BY d.metric, t.pool, d.fact_id ORDER BY d.service) = 1;

-- A day's facts have one digest; a period's is that of its days' digests. Both are sorted, so that order means nothing.
CREATE OR REPLACE TEMP TABLE dora_day_digest AS
SELECT metric, service, day, sha256(array_to_string(list_sort(list(fact)), chr(10))) AS digest
FROM (
    SELECT metric, service, day,
           concat_ws('|', fact_type, fact_id, epoch_us(instant), value, numerator, censored, excluded, coalesce(reason, '')) AS fact
    FROM dora_seen
)
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE dora_digest AS
SELECT d.metric, d.service, c.grain, c.period_start, sha256(array_to_string(list_sort(list(d.digest)), chr(10))) AS inputs_sha256
FROM dora_day_digest d JOIN dora_calendar c USING (day)
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE dora_aggregate AS
SELECT o.metric, o.service, c.grain, c.period_start,
       count(*) FILTER (WHERE NOT excluded AND NOT censored) AS n,
       count(*) FILTER (WHERE NOT excluded AND numerator) AS numerator,
       count(*) FILTER (WHERE NOT excluded AND censored) AS open_count,
       count(*) FILTER (WHERE excluded) AS excluded_count,
       count(DISTINCT day) FILTER (WHERE NOT excluded) AS days,
       min(value) FILTER (WHERE NOT excluded AND NOT censored) AS minimum,
       -- To the nanominute: two threads may add the same values in another order.
       round(avg(value) FILTER (WHERE NOT excluded AND NOT censored), 9) AS mean,
       max(value) FILTER (WHERE NOT excluded AND NOT censored) AS maximum,
       quantile_cont(value, [0.5, 0.75, 0.9, 0.95]) FILTER (WHERE NOT excluded AND NOT censored) AS quantiles
FROM dora_seen o JOIN dora_calendar c USING (day)
GROUP BY ALL;

-- How the facts of the window spread: how many are above one bound and up to the next; the last step has no end.
CREATE OR REPLACE TEMP TABLE dora_histogram AS
WITH bound AS (SELECT list(upto) AS bounds FROM dora_bound),
counted AS (
    SELECT o.metric, o.service, c.grain, c.period_start, len(list_filter(bounds, lambda x: x < o.value)) AS step, count(*) AS facts
    FROM dora_seen o JOIN dora_calendar c USING (day), bound
    WHERE c.grain = 'window' AND NOT o.excluded AND NOT o.censored AND o.value IS NOT NULL
    GROUP BY ALL
),
step AS (SELECT unnest(range((SELECT len(bounds) + 1 FROM bound))) AS step)
SELECT metric, service, grain, period_start, list(coalesce(facts, 0) ORDER BY step) AS histogram
FROM (SELECT DISTINCT metric, service, grain, period_start FROM counted) CROSS JOIN step
     LEFT JOIN counted USING (metric, service, grain, period_start, step)
GROUP BY ALL;

-- Kaplan and Meier's estimate of the median, in which what is still open counts for as long as it has lasted.
CREATE OR REPLACE TEMP TABLE dora_survival AS
WITH spell AS (
    SELECT o.metric, o.service, c.grain, c.period_start, o.value, o.censored
    FROM dora_seen o JOIN dora_calendar c USING (day) JOIN dora_metric m USING (metric)
    WHERE m.censorable AND NOT o.excluded
),
moment AS (
    SELECT metric, service, grain, period_start, value, count(*) FILTER (WHERE NOT censored) AS ended,
           sum(count(*)) OVER (PARTITION BY metric, service, grain, period_start ORDER BY value DESC) AS at_risk
    FROM spell GROUP BY metric, service, grain, period_start, value
),
curve AS (
    SELECT *, product(1 - ended / at_risk) OVER (PARTITION BY metric, service, grain, period_start ORDER BY value) AS surviving
    FROM moment
)
SELECT metric, service, grain, period_start, min(value) AS median
FROM curve WHERE surviving <= 0.5 + 1e-12
GROUP BY ALL;

-- Decision 7: every period of every service, from its valid_from on if it has one, else all of the window.
CREATE OR REPLACE TEMP TABLE dora_spine AS
WITH period AS (SELECT DISTINCT grain, period_start, period_end, is_partial FROM dora_calendar),
being AS (
    SELECT service, timezone(p.zone, timezone('UTC', valid_from)) AS since, timezone(p.zone, timezone('UTC', valid_to)) AS until
    FROM dora_service, dora_parameter p
    UNION ALL SELECT 'all', NULL, NULL
    UNION ALL SELECT DISTINCT pool, NULL::TIMESTAMP, NULL::TIMESTAMP FROM dora_team
)
SELECT b.service, q.grain, q.period_start, q.period_end,
       q.is_partial OR coalesce(since > q.period_start, false) OR coalesce(until < q.period_end, false) AS is_partial
FROM period q JOIN being b ON coalesce(b.since < q.period_end, true) AND coalesce(b.until > q.period_start, true);

-- A day without anything to observe has no row, but for the frequency, of which zero is a value.
CREATE OR REPLACE TEMP TABLE dora_cell AS
SELECT m.*, s.*, a.* EXCLUDE (metric, service, grain, period_start), d.inputs_sha256, k.median AS km_median,
       len(list_filter(m.needs, lambda x: NOT list_contains(connected.names, x))) > 0 AS is_missing
FROM dora_metric m CROSS JOIN dora_spine s
     LEFT JOIN dora_aggregate a USING (metric, service, grain, period_start)
     LEFT JOIN dora_digest d USING (metric, service, grain, period_start)
     LEFT JOIN dora_survival k USING (metric, service, grain, period_start),
     (SELECT coalesce(list(relation), []) AS names FROM dora_source) connected
WHERE m.family <> 'level' AND (s.grain <> 'day' OR m.family = 'count' OR a.metric IS NOT NULL);

-- Medians per period: over the window's periods that it does not cut, zeros included.
CREATE OR REPLACE TEMP TABLE dora_typical AS
SELECT metric, service,
       median(coalesce(n, 0)) FILTER (WHERE grain = 'day') AS per_day,
       median(coalesce(n, 0)) FILTER (WHERE grain = 'week') AS per_week,
       avg(coalesce(n, 0)) FILTER (WHERE grain = 'week') AS mean_per_week,
       median(coalesce(n, 0)) FILTER (WHERE grain = 'month') AS per_month
FROM dora_cell WHERE family = 'count' AND NOT is_partial AND NOT is_missing
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE dora_metric_value AS
WITH known AS (
    SELECT c.*, CASE WHEN NOT is_missing THEN coalesce(c.n, 0) END AS known_n FROM dora_cell c
),
valued AS (
    SELECT *, CASE family WHEN 'count' THEN known_n::DOUBLE WHEN 'rate' THEN numerator / nullif(known_n, 0) ELSE quantiles[1] END AS raw_value
    FROM known
)
SELECT sha256(concat_ws('|', v.metric, w.version, v.grain, v.period_start, v.period_end, v.service, p.zone, coalesce(inputs_sha256, ''))) AS metric_value_id,
       v.metric, w.version AS definition_version, v.grain, v.period_start, v.period_end, v.service,
       CASE WHEN NOT is_missing THEN raw_value END AS value, v.unit, v.fact_unit, v.family, known_n AS n,
       CASE WHEN family = 'rate' AND NOT is_missing THEN coalesce(numerator, 0) END AS numerator,
       CASE WHEN family = 'rate' THEN known_n END AS denominator,
       CASE WHEN NOT is_missing THEN minimum END AS minimum, CASE WHEN NOT is_missing THEN mean END AS mean,
       CASE WHEN NOT is_missing THEN maximum END AS maximum,
       CASE WHEN NOT is_missing THEN quantiles[1] END AS p50, CASE WHEN NOT is_missing THEN quantiles[2] END AS p75,
       CASE WHEN NOT is_missing THEN quantiles[3] END AS p90, CASE WHEN NOT is_missing THEN quantiles[4] END AS p95,
       CASE WHEN censorable AND NOT is_missing THEN coalesce(open_count, 0) END AS open_count,
       CASE WHEN NOT is_missing THEN km_median END AS km_median,
       CASE WHEN family = 'count' AND NOT is_missing THEN coalesce(numerator, 0) END AS change_bearing_count,
       CASE WHEN family = 'count' AND NOT is_missing THEN coalesce(days, 0) END AS days_with_deploy,
       CASE WHEN v.grain = 'window' THEN t.per_day END AS median_per_day, CASE WHEN v.grain = 'window' THEN t.per_week END AS median_per_week,
       CASE WHEN v.grain = 'window' THEN t.mean_per_week END AS mean_per_week, CASE WHEN v.grain = 'window' THEN t.per_month END AS median_per_month,
       -- Wilson's 95 % interval.
       CASE WHEN family = 'rate' AND known_n > 0 THEN greatest(0, (raw_value + 1.9207294 / known_n - 1.959964 * sqrt((raw_value * (1 - raw_value) + 0.96036471 / known_n) / known_n)) / (1 + 3.84145888 / known_n)) END AS ci_low,
       CASE WHEN family = 'rate' AND known_n > 0 THEN least(1, (raw_value + 1.9207294 / known_n + 1.959964 * sqrt((raw_value * (1 - raw_value) + 0.96036471 / known_n) / known_n)) / (1 + 3.84145888 / known_n)) END AS ci_high,
       -- Decision 10: few observations are published, and said to be few.
       CASE WHEN is_missing THEN 'no_source' WHEN is_partial THEN 'partial'
            WHEN family <> 'count' AND known_n < p.minimum_n THEN 'insufficient' ELSE 'ok' END AS status,
       coalesce(excluded_count, 0) AS excluded_count,
       (epoch(p.as_of) - epoch(timezone('UTC', timezone(p.zone, v.period_end::TIMESTAMP)))) / 86400 AS maturity_days,
       coalesce(inputs_sha256, sha256('')) AS inputs_sha256
FROM valued v LEFT JOIN dora_typical t USING (metric, service), dora_parameter p, dora_version w;

-- A fact of a rate is in its denominator, and in its numerator too if it counts there.
CREATE OR REPLACE TEMP TABLE dora_metric_evidence AS
WITH role AS (
    SELECT * EXCLUDE (family), unnest(CASE
        WHEN excluded THEN ['excluded'] WHEN family <> 'rate' THEN ['sample']
        WHEN numerator THEN ['denominator', 'numerator'] ELSE ['denominator'] END) AS role
    FROM dora_seen JOIN (SELECT metric, family FROM dora_metric) USING (metric)
)
SELECT v.metric_value_id, r.role, r.fact_type, r.fact_id, r.reason
FROM role r JOIN dora_calendar c USING (day)
     JOIN dora_metric_value v ON v.metric = r.metric AND v.service = r.service AND v.grain = c.grain AND v.period_start = c.period_start,
     dora_parameter p
WHERE list_contains(p.evidence_grains, c.grain) AND v.status <> 'no_source';
