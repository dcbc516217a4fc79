-- What views and control questions share. `zone` is the company's zone, a session variable.

CREATE OR REPLACE MACRO local_day(t) AS CAST(timezone(getvariable('zone'), t) AS DATE);

CREATE OR REPLACE MACRO day_start(d) AS timezone(getvariable('zone'), CAST(d AS TIMESTAMP));

-- Instant as subjects write it: UTC, a fraction only if it is not zero.
CREATE OR REPLACE MACRO instant_text(t) AS
    strftime(timezone('UTC', t), '%Y-%m-%dT%H:%M:%S')
    || CASE WHEN epoch_us(t) % 1000000 = 0 THEN ''
            ELSE '.' || rtrim(lpad(CAST(epoch_us(t) % 1000000 AS VARCHAR), 6, '0'), '0') END
    || 'Z';

-- `n` business days (Monday to Friday) after `t`, at the same local time of day.
CREATE OR REPLACE MACRO business_deadline(t, n) AS timezone(getvariable('zone'),
    timezone(getvariable('zone'), t) + to_days(CAST((list_filter(range(1, CAST(n AS BIGINT) * 2 + 6),
        lambda i: isodow(timezone(getvariable('zone'), t) + to_days(CAST(i AS INTEGER))) < 6))[CAST(n AS BIGINT)] AS INTEGER)));

-- The parameter's value in force at `t` for a control, as text: logged definition, else scope, else default.
CREATE OR REPLACE MACRO parameter_at(control_id, parameter, t) AS (
    SELECT arg_max(h.value, h.rank) FROM parameter_history AS h
    WHERE h.name = parameter AND h.control IN ('*', control_id)
        AND (h.valid_from IS NULL OR h.valid_from <= t) AND (h.valid_to IS NULL OR t < h.valid_to)
);

CREATE OR REPLACE MACRO number_at(control_id, parameter, t) AS TRY_CAST(parameter_at(control_id, parameter, t) AS DOUBLE);

-- The same as a stretch of time, for parameters that count seconds, minutes, hours or days.
CREATE OR REPLACE MACRO span_at(control_id, parameter, t) AS (
    SELECT to_seconds(arg_max(h.seconds, h.rank)) FROM parameter_history AS h
    WHERE h.name = parameter AND h.control IN ('*', control_id)
        AND (h.valid_from IS NULL OR h.valid_from <= t) AND (h.valid_to IS NULL OR t < h.valid_to)
);

-- Approvals that a repository needs: a plain number, or one for all and one for repositories tagged sox-critical.
CREATE OR REPLACE MACRO approvals_needed(control_id, critical, t) AS coalesce(
    CAST(number_at(control_id, 'P_APPROVALS', t) AS BIGINT),
    CAST(json_extract_string(parameter_at(control_id, 'P_APPROVALS', t),
        CASE WHEN critical THEN '$.sox_critical' ELSE '$.default' END) AS BIGINT));

-- Whether a ticket's or waiver's scope (JSON) has `text` as one of its values.
CREATE OR REPLACE MACRO scope_has(scope, wanted) AS contains(CAST(scope AS VARCHAR), '"' || wanted || '"');

-- Grade of what several tools call one finding: 4 critical, 3 high, 2 medium, 1 low; the highest. NULL where one tool's word is
-- not known and no other says critical: it may be worse than the others say.
CREATE OR REPLACE MACRO severity_grade(words) AS CASE
    WHEN len(list_filter(words, lambda w: lower(w) = 'critical')) > 0 THEN 4
    WHEN len(list_filter(words, lambda w: coalesce(lower(w), '') NOT IN ('critical', 'high', 'medium', 'moderate', 'low', 'negligible', 'info', 'informational', 'note', 'none', 'unimportant'))) > 0 THEN NULL
    WHEN len(list_filter(words, lambda w: lower(w) = 'high')) > 0 THEN 3
    WHEN len(list_filter(words, lambda w: lower(w) IN ('medium', 'moderate'))) > 0 THEN 2 ELSE 1 END;

-- Whether one of `names` is among `tokens` (lower case), or is the last part of one of them: `team/admins` names `admins`.
CREATE OR REPLACE MACRO any_named(names, tokens) AS list_has_any(
    list_transform(names, lambda n: lower(n)), list_concat(tokens, list_transform(tokens, lambda w: regexp_extract(w, '([^/]+)$', 1))));

-- Rows of evidence without what is NULL, each once, in a fixed order.
CREATE OR REPLACE MACRO proofs(rows) AS list_sort(list_distinct(list_filter(rows, lambda r: r IS NOT NULL)));

-- Number of an IPv4 address; NULL for any other text.
CREATE OR REPLACE MACRO ipv4(t) AS CASE WHEN regexp_full_match(t, '[0-9]{1,3}(\.[0-9]{1,3}){3}') THEN
    list_reduce(list_transform(string_split(t, '.'), lambda p: CAST(p AS BIGINT)), lambda a, b: a * 256 + b) END;

-- Whether an IPv4 address lies in a network such as 10.0.0.0/8; NULL where either is no IPv4.
CREATE OR REPLACE MACRO in_network(ip, network) AS
    ipv4(ip) >> (32 - CAST(split_part(network, '/', 2) AS INTEGER)) = ipv4(split_part(network, '/', 1)) >> (32 - CAST(split_part(network, '/', 2) AS INTEGER));

-- Values of one field of a cron expression (`*`, `5`, `1-5`, `*/15`, `1,3`), within `low` and `high`; NULL if it is none.
CREATE OR REPLACE MACRO cron_values(t, low, high) AS CASE
    WHEN regexp_full_match(t, '(\*|\d+(-\d+)?)(/[1-9]\d*)?(,(\*|\d+(-\d+)?)(/[1-9]\d*)?)*') THEN
        list_filter(list_sort(list_distinct(flatten(list_transform(string_split(t, ','), lambda p: range(
            CASE WHEN starts_with(p, '*') THEN low ELSE CAST(regexp_extract(p, '^(\d+)', 1) AS BIGINT) END,
            1 + CASE WHEN starts_with(p, '*') THEN high WHEN contains(p, '-') THEN CAST(regexp_extract(p, '-(\d+)', 1) AS BIGINT)
                     WHEN contains(p, '/') THEN high ELSE CAST(regexp_extract(p, '^(\d+)', 1) AS BIGINT) END,
            coalesce(TRY_CAST(nullif(regexp_extract(p, '/(\d+)', 1), '') AS BIGINT), 1)))))), lambda v: v BETWEEN low AND high)
    END;

-- The first instant at which clocks of zone `z` show local time `l` or later: of an hour that occurs twice the first one,
-- of a time that is skipped the instant after.
CREATE OR REPLACE MACRO first_instant(l, z) AS CASE
    WHEN timezone(z, timezone(z, l)) = l THEN
        list_min(list_filter([timezone(z, l), timezone(z, l) - INTERVAL 30 MINUTE, timezone(z, l) - INTERVAL 1 HOUR, timezone(z, l) - INTERVAL 2 HOUR],
            lambda u: timezone(z, u) = l))
    ELSE list_min(list_filter(list_transform(range(-240, 241), lambda k: timezone(z, l) + to_minutes(k)), lambda u: timezone(z, u) >= l))
    END;
