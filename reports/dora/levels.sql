-- Service levels: samples → one row per metric, service (and pool) and period, as in `values`.
-- A sample that is missing or not finite is unknown, not good: what is not known counts against the coverage.

CREATE OR REPLACE TEMP TABLE dora_sample AS
SELECT s.service, s.instant, CASE WHEN isfinite(s.error_ratio) THEN s.error_ratio END AS error_ratio,
       timezone(p.zone, timezone('UTC', s.instant))::DATE AS day
FROM dora_raw_slo_samples s, dora_parameter p, dora_range r
WHERE s.instant <= p.as_of AND s.instant BETWEEN r.since AND r.until;

-- The usual time between two samples of a service says how many there should be.
CREATE OR REPLACE TEMP TABLE dora_sample_step AS
SELECT service, coalesce(median(gap), 86400) AS step
FROM (SELECT service, epoch(instant) - epoch(lag(instant) OVER (PARTITION BY service ORDER BY instant)) AS gap FROM dora_sample)
GROUP BY service;

CREATE OR REPLACE TEMP TABLE dora_level_day AS
WITH held AS (
    SELECT service, day, count(error_ratio) AS known, coalesce(sum(error_ratio), 0) AS errors,
           sha256(array_to_string(list_sort(list(concat_ws('|', epoch_us(instant), error_ratio))), chr(10))) AS digest
    FROM dora_sample GROUP BY ALL
)
-- A day's samples are those of the part of it that has passed.
SELECT t.service, c.day, coalesce(h.known, 0) AS known, coalesce(h.errors, 0) AS errors, h.digest,
       greatest(0, (least(epoch(p.as_of), epoch(timezone('UTC', timezone(p.zone, (c.day + 1)::TIMESTAMP))))
           - epoch(timezone('UTC', timezone(p.zone, c.day::TIMESTAMP)))) / t.step) AS expected
FROM dora_sample_step t CROSS JOIN (SELECT DISTINCT day FROM dora_calendar) c LEFT JOIN held h USING (service, day), dora_parameter p;

CREATE OR REPLACE TEMP TABLE dora_level AS
WITH seen AS (
    SELECT service AS pool, * FROM dora_level_day
    UNION ALL SELECT 'all', * FROM dora_level_day
    UNION ALL SELECT DISTINCT t.pool, d.* FROM dora_level_day d JOIN dora_team t USING (service)
    WHERE coalesce(t.valid_from <= d.day, true) AND coalesce(t.valid_to > d.day, true)
)
SELECT s.pool AS service, c.grain, c.period_start, sum(known)::BIGINT AS known, round(sum(errors), 9) AS errors,
       greatest(sum(known), round(sum(expected)))::BIGINT AS expected,
       sha256(array_to_string(list_sort(list(concat_ws('|', s.service, s.day, digest))), chr(10))) AS inputs_sha256
FROM seen s JOIN dora_calendar c USING (day)
GROUP BY ALL;

INSERT INTO dora_metric_value BY NAME
WITH cell AS (
    SELECT m.metric, m.unit, m.fact_unit, m.family, s.*, l.known, l.errors, l.expected, l.inputs_sha256,
           -- A service of which nothing was ever sampled has no source, whatever others have.
           l.service IS NULL OR NOT EXISTS (FROM dora_source WHERE relation = 'slo_samples') AS is_missing
    FROM dora_metric m CROSS JOIN dora_spine s LEFT JOIN dora_level l USING (service, grain, period_start)
    WHERE m.family = 'level' AND (s.grain <> 'day' OR l.known > 0)
)
SELECT sha256(concat_ws('|', metric, w.version, grain, period_start, period_end, service, p.zone, coalesce(inputs_sha256, ''))) AS metric_value_id,
       metric, w.version AS definition_version, grain, period_start, period_end, service, unit, fact_unit, family,
       CASE WHEN NOT is_missing THEN known END AS n,
       CASE WHEN is_missing OR known = 0 THEN NULL WHEN metric = 'availability' THEN 1 - errors / known
            ELSE errors / known / (1 - p.slo_objective) END AS value,
       CASE WHEN is_missing THEN 'no_source' WHEN is_partial THEN 'partial'
            WHEN known < p.minimum_n OR known < p.slo_coverage * expected THEN 'insufficient' ELSE 'ok' END AS status,
       CASE WHEN NOT is_missing THEN expected - known END AS excluded_count,
       (epoch(p.as_of) - epoch(timezone('UTC', timezone(p.zone, period_end::TIMESTAMP)))) / 86400 AS maturity_days,
       coalesce(inputs_sha256, sha256('')) AS inputs_sha256
FROM cell, dora_parameter p, dora_version w;

-- The samples of a day are one fact: `service@day`.
INSERT INTO dora_metric_evidence BY NAME
SELECT v.metric_value_id, 'sample' AS role, 'series' AS fact_type, d.service || '@' || d.day AS fact_id, NULL AS reason
FROM dora_metric_value v JOIN dora_calendar c USING (grain, period_start) JOIN dora_level_day d USING (day), dora_parameter p
WHERE v.family = 'level' AND v.status <> 'no_source' AND list_contains(p.evidence_grains, v.grain) AND d.known > 0
  AND (v.service IN ('all', d.service) OR EXISTS (
      FROM dora_team t WHERE t.pool = v.service AND t.service = d.service
      AND coalesce(t.valid_from <= d.day, true) AND coalesce(t.valid_to > d.day, true)));
