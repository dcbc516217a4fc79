-- Logged versions of controls' definitions: until when each decided, and which parameters it set looser than they were.
-- A larger number is looser, but for floors; of what is no number, any change may be.
WITH held AS (
    SELECT *, control || ':v' || regexp_replace(version, '^v', '') AS subject
    FROM evidence_definitions
    QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
), floors(name) AS (
    VALUES ('P_APPROVALS'), ('P_LEAVER_LOOKBACK_D'), ('P_SOD_LOOKBACK'), ('P_WATCH'), ('P_OVERLAP'), ('P_BACKUP_D'), ('P_TARGET_UP'),
        ('P_HPA_HEADROOM'), ('P_REOPEN'), ('P_RETEST_N'), ('P_RETEST_DAYS')
), settings AS (
    SELECT h.subject, p.key AS name, coalesce(p.value ->> '$', '[]') AS value,
        parameter_at(h.control, p.key, h.effective_from - INTERVAL 1 MICROSECOND) AS value_before
    FROM held AS h, json_each(h.parameters) AS p
), loosened AS (
    SELECT subject, string_agg(name || ' from ' || value_before || ' to ' || value, ', ' ORDER BY name) AS what
    FROM settings
    WHERE value IS DISTINCT FROM value_before AND coalesce(CASE WHEN name IN (SELECT name FROM floors)
        THEN TRY_CAST(value AS DOUBLE) < TRY_CAST(value_before AS DOUBLE) ELSE TRY_CAST(value AS DOUBLE) > TRY_CAST(value_before AS DOUBLE) END, true)
    GROUP BY subject
)
SELECT h.*, l.what AS loosened, count(*) OVER (PARTITION BY h.control, h.effective_from) > 1 AS ambiguous,
    least(h.effective_to, (SELECT min(n.effective_from) FROM held AS n WHERE n.control = h.control AND n.effective_from > h.effective_from)) AS ends_at
FROM held AS h LEFT JOIN loosened AS l ON l.subject = h.subject
