-- The register of scheduled jobs as it stands, each cron expression as lists of minutes, hours, days, months and weekdays
-- (0 = Sunday) in its zone. `readable`: the expression is one; `any_day`: a day of the month or of the week suffices.
WITH held AS (
    SELECT * REPLACE (coalesce(time_zone, getvariable('zone')) AS time_zone),
        CASE lower(trim(cron)) WHEN '@hourly' THEN '0 * * * *' WHEN '@daily' THEN '0 0 * * *' WHEN '@midnight' THEN '0 0 * * *' WHEN '@weekly' THEN '0 0 * * 0'
            WHEN '@monthly' THEN '0 0 1 * *' WHEN '@yearly' THEN '0 0 1 1 *' WHEN '@annually' THEN '0 0 1 1 *' ELSE lower(replace(trim(cron), '?', '*')) END AS expression
    FROM company_schedules QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), split AS (
    SELECT *, regexp_split_to_array(expression, '\s+') AS parts FROM held
), named AS (
    SELECT *,
        list_reduce(list_prepend({'n': parts[4], 'v': ''}, list_transform(range(1, 13), lambda i: {'n': lower(strftime(make_date(2024, i, 1), '%b')), 'v': CAST(i AS VARCHAR)})),
            lambda a, b: {'n': replace(a.n, b.n, b.v), 'v': ''}).n AS month_part,
        list_reduce(list_prepend({'n': parts[5], 'v': ''}, list_transform(range(0, 7), lambda i: {'n': lower(strftime(make_date(2024, 1, 7 + i), '%a')), 'v': CAST(i AS VARCHAR)})),
            lambda a, b: {'n': replace(a.n, b.n, b.v), 'v': ''}).n AS weekday_part
    FROM split
), parsed AS (
    SELECT *, cron_values(parts[1], 0, 59) AS minutes, cron_values(parts[2], 0, 23) AS hours, cron_values(parts[3], 1, 31) AS days, cron_values(month_part, 1, 12) AS months,
        list_transform(cron_values(weekday_part, 0, 7), lambda v: v % 7) AS weekdays, NOT starts_with(parts[3], '*') AND NOT starts_with(weekday_part, '*') AS any_day
    FROM named
)
SELECT schedule_id, cron, time_zone, owner, minutes, hours, days, months, weekdays, any_day, evidence,
    coalesce(len(parts) = 5 AND least(len(minutes), len(hours), len(days), len(months), len(weekdays)) > 0, false) AS readable
FROM parsed
