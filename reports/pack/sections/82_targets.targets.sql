-- The programme's targets, each against what the period's facts say of all services together.
-- Needs metric_value (reports.dora), pack_period and the tables of the warehouse. A value over the whole
-- period decides; months show the trend, weeks how often the target was met.
WITH goal(position, target, metric, bound, wanted, scale, unit) AS (
    VALUES
        (1, 'deployments a week, median', 'deployment_frequency', 'at least', 5, 1, 'a week'),
        (2, 'lead time, median', 'lead_time', 'at most', 120, 1, 'minutes'),
        (3, 'deployments that succeed', 'deployment_success_rate', 'at least', 98, 100, '%'),
        (4, 'recovery from an incident, median', 'mttr', 'at most', 30, 1, 'minutes'),
        (5, 'recovery from a failed deployment, median', 'failed_deployment_recovery_time', 'at most', 30, 1,
            'minutes'),
        (6, 'pipeline, median', 'pipeline_duration', 'at most', 25, 1, 'minutes'),
        (7, 'critical vulnerabilities, longest open', NULL, 'below', 24, 1, 'hours'),
        (8, 'service level: requests without error', 'availability', 'at least', 99.9, 100, '%'),
        (9, 'response to an alert, median', 'mtta', 'below', 5, 1, 'minutes'),
        (10, 'recovery time, longest restore test', NULL, 'at most', 60, 1, 'minutes'),
        (11, 'recovery point, largest loss in a restore test', NULL, 'at most', 15, 1, 'minutes')
),
measured AS (
    SELECT g.position, m.grain, m.period_start, m.n, m.status, m.open_count, m.excluded_count,
        g.scale * CASE
            WHEN m.metric <> 'deployment_frequency' THEN m.value
            WHEN m.grain = 'window' THEN m.median_per_week
            ELSE m.value * 7 / (m.period_end - m.period_start)
        END AS value
    FROM goal AS g
    JOIN metric_value AS m ON m.metric = g.metric AND m.service = 'all' AND m.grain IN ('window', 'month', 'week')
),
-- What no metric counts: one row per fact, with the stream that it needs.
alert AS (
    SELECT repo || '#dependabot/' || number AS fact, created_at, fixed_at,
        coalesce(dismissed_at, auto_dismissed_at) AS dismissed_at, severity, natural_key, updated_at, collected_at
    FROM github_dependabot_alerts
    UNION ALL
    SELECT repo || '#code-scanning/' || number, created_at, fixed_at, dismissed_at, security_severity, natural_key,
        updated_at, collected_at
    FROM github_code_scanning_alerts
),
newest_alert AS (
    SELECT * FROM alert WHERE severity = 'critical'
    QUALIFY row_number() OVER (PARTITION BY fact, natural_key ORDER BY updated_at DESC, collected_at DESC) = 1
),
restore AS (
    SELECT * FROM company_restore_tests
    QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, capture, record) = 1
),
fact AS (
    -- A dismissal is no fix: such an alert is open until then, and so is one that nobody closed, until the end.
    SELECT 7 AS position, greatest(a.created_at, p.starts) AS instant,
        (epoch(least(coalesce(a.fixed_at, a.dismissed_at, p.ends), p.ends)) - epoch(a.created_at)) / 3600 AS value
    FROM newest_alert AS a, pack_period AS p
    WHERE a.created_at < p.ends AND coalesce(a.fixed_at, a.dismissed_at, p.ends) >= p.starts
    UNION ALL
    SELECT 10, started_at, (epoch(verified_at) - epoch(started_at)) / 60 FROM restore
    UNION ALL
    SELECT 11, started_at, TRY_CAST(fields ->> '$.data_loss_minutes' AS DOUBLE) FROM restore
),
counted AS (
    SELECT f.position, date_trunc('month', timezone(getvariable('zone'), f.instant))::DATE AS month, f.value
    FROM fact AS f, pack_period AS p
    WHERE f.instant >= p.starts AND f.instant < p.ends
),
-- The worst one decides; a fact without a value makes it unknown.
of_facts AS (
    SELECT position, month, count(*) AS n, count(*) - count(value) AS unknown,
        max(value) AS value
    FROM counted GROUP BY GROUPING SETS ((position), (position, month))
),
stream(position, needs) AS (
    VALUES (7, 'github.dependabot_alerts'), (7, 'github.code_scanning_alerts'), (8, 'prometheus.ranges'), (10, 'company.restore_tests'), (11, 'company.restore_tests')
),
source AS (
    SELECT position, bool_or(needs IN (SELECT stream FROM evidence_conservation)) AS is_there,
        string_agg(needs, ', ' ORDER BY needs) AS needs,
        string_agg(needs, ', ' ORDER BY needs)
            FILTER (needs NOT IN (SELECT stream FROM evidence_conservation)) AS missing
    FROM stream GROUP BY position
),
total AS (
    SELECT g.position, coalesce(m.value, f.value) AS value,
        CASE g.bound
            WHEN 'at least' THEN coalesce(m.value, f.value) >= g.wanted
            WHEN 'below' THEN coalesce(m.value, f.value) < g.wanted
            ELSE coalesce(m.value, f.value) <= g.wanted
        END AS is_met,
        coalesce(m.n, f.n, 0) AS n,
        coalesce(m.status, CASE WHEN s.is_there THEN 'ok' ELSE 'no_source' END) AS status,
        coalesce(m.open_count, 0) AS open_count,
        -- Of a service level with too few samples the missing ones decide, and they are not known.
        CASE WHEN g.metric = 'availability' AND m.status = 'insufficient' THEN m.excluded_count ELSE coalesce(f.unknown, 0) END
            AS unknown,
        CASE WHEN g.metric = 'availability' THEN (
            SELECT round(100 * value, 1) FROM metric_value
            WHERE metric = 'error_budget_spent' AND service = 'all' AND grain = 'window'
        ) END AS budget,
        CASE WHEN m.status = 'no_source' THEN coalesce(s.missing, 'what it needs') ELSE s.missing END AS missing,
        coalesce('metric ' || g.metric, s.needs) AS evidence
    FROM goal AS g
    LEFT JOIN measured AS m ON m.position = g.position AND m.grain = 'window'
    LEFT JOIN of_facts AS f ON f.position = g.position AND f.month IS NULL
    LEFT JOIN source AS s ON s.position = g.position
),
trend AS (
    SELECT position, list((strftime(month, '%b %Y'), round(value, 2)) ORDER BY month) AS points,
        first(value ORDER BY month) FILTER (value IS NOT NULL) AS first_value,
        last(value ORDER BY month) FILTER (value IS NOT NULL) AS last_value, count(value) AS months
    FROM (
        SELECT position, period_start AS month, value FROM measured WHERE grain = 'month' AND status <> 'no_source'
        UNION ALL
        SELECT position, month, value FROM of_facts WHERE month IS NOT NULL
    )
    GROUP BY position
),
week AS (
    SELECT m.position, count(m.value) AS weeks,
        count(*) FILTER (
            CASE g.bound
                WHEN 'at least' THEN m.value >= g.wanted
                WHEN 'below' THEN m.value < g.wanted
                ELSE m.value <= g.wanted
            END
        ) AS met
    FROM measured AS m JOIN goal AS g USING (position)
    WHERE m.grain = 'week' AND m.status NOT IN ('partial', 'no_source')
    GROUP BY m.position
)
SELECT g.target,
    g.bound || format(' {:g} ', CAST(g.wanted AS DOUBLE)) || g.unit AS wanted,
    round(CAST(t.value AS DOUBLE), 2) AS value, g.unit, t.n,
    CASE
        WHEN t.status = 'no_source' THEN 'no source'
        WHEN t.n = 0 OR t.value IS NULL THEN 'no facts'
        WHEN NOT t.is_met THEN 'missed'
        WHEN t.unknown > 0 THEN 'unknown'
        ELSE 'met'
    END AS status,
    coalesce(w.met || ' of ' || w.weeks, '') AS weeks_met,
    coalesce(r.points, []) AS points,
    CASE
        WHEN coalesce(r.months, 0) < 2 THEN ''
        WHEN abs(r.last_value - r.first_value) <= 0.05 * abs(r.first_value) THEN 'steady'
        WHEN (r.last_value < r.first_value) = (g.bound <> 'at least') THEN 'better'
        ELSE 'worse'
    END AS trend,
    t.evidence,
    concat_ws('; ',
        'not collected: ' || t.missing,
        CASE WHEN t.status = 'insufficient' THEN 'few facts' END,
        CASE WHEN t.status = 'partial' THEN 'the period is not over' END,
        CASE WHEN t.open_count > 0 THEN t.open_count || ' still open' END,
        CASE WHEN t.unknown > 0 THEN t.unknown || ' state no value' END,
        t.budget || ' % of the error budget spent'
    ) AS note
FROM goal AS g
JOIN total AS t USING (position)
LEFT JOIN trend AS r USING (position)
LEFT JOIN week AS w USING (position)
ORDER BY g.position
