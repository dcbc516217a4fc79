-- Stretches in which a protected branch lacked a required setting. An event begins one; the setting's next restoring
-- event, or the next good snapshot, ends it. Bad snapshots that no event explains make one from the last good snapshot to
-- the next good one. Overlapping stretches are one.
WITH good AS (
    SELECT repo, branch, as_of FROM protection_snapshots WHERE failing = [] AND unknown = []
), changed AS (
    SELECT *, lag(weakens) OVER (PARTITION BY repo, branch, setting ORDER BY told_at, document_id) AS was_weak
    FROM protection_events
), by_event AS (
    SELECT w.repo, w.branch, w.told_at AS starts_at,
        least((SELECT min(r.told_at) FROM protection_events AS r WHERE r.repo = w.repo AND r.branch = w.branch
                   AND r.setting = w.setting AND NOT r.weakens AND r.told_at > w.told_at),
              (SELECT min(g.as_of) FROM good AS g WHERE g.repo = w.repo AND g.branch = w.branch AND g.as_of > w.told_at)) AS ends_at
    FROM changed AS w
    WHERE w.weakens AND NOT coalesce(w.was_weak, false)
), unexplained AS (
    SELECT s.repo, s.branch, s.as_of FROM protection_snapshots AS s
    WHERE len(s.failing) > 0 AND NOT EXISTS (
        SELECT 1 FROM by_event AS e WHERE e.repo = s.repo AND e.branch = s.branch AND e.starts_at <= s.as_of
            AND (e.ends_at IS NULL OR s.as_of < e.ends_at))
), by_snapshot AS (
    SELECT DISTINCT u.repo, u.branch,
        coalesce((SELECT max(g.as_of) FROM good AS g WHERE g.repo = u.repo AND g.branch = u.branch AND g.as_of < u.as_of),
                 (SELECT min(b.as_of) FROM unexplained AS b WHERE b.repo = u.repo AND b.branch = u.branch)) AS starts_at,
        (SELECT min(g.as_of) FROM good AS g WHERE g.repo = u.repo AND g.branch = u.branch AND g.as_of > u.as_of) AS ends_at
    FROM unexplained AS u
), stretches AS (
    FROM by_event UNION ALL FROM by_snapshot
), numbered AS (
    SELECT *, sum(CAST(opens AS INTEGER)) OVER (PARTITION BY repo, branch ORDER BY starts_at, coalesce(ends_at, 'infinity')) AS island
    FROM (
        SELECT *, coalesce(starts_at >= max(coalesce(ends_at, 'infinity')) OVER (
            PARTITION BY repo, branch ORDER BY starts_at, coalesce(ends_at, 'infinity')
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true) AS opens
        FROM stretches
    )
), merged AS (
    SELECT repo, branch, island, min(starts_at) AS weakened_at,
        CASE WHEN bool_or(ends_at IS NULL) THEN NULL ELSE max(ends_at) END AS restored_at
    FROM numbered GROUP BY ALL
)
SELECT m.repo, m.branch, m.weakened_at, m.restored_at,
    m.repo || ':' || m.branch || ':' || instant_text(m.weakened_at) || '..' || coalesce(instant_text(m.restored_at), '') AS subject,
    list_distinct(list(p.principal_id) FILTER (e.weakens AND p.principal_id IS NOT NULL)) AS weakeners,
    coalesce(bool_or(e.weakens AND p.principal_id IS NULL), false) AS unresolved,
    count(e.document_id) FILTER (e.weakens) AS events,
    string_agg(DISTINCT e.action, ', ' ORDER BY e.action) FILTER (e.weakens) AS actions,
    proofs(list(e.evidence)) AS evidence
FROM merged AS m
LEFT JOIN protection_events AS e ON e.repo = m.repo AND e.branch = m.branch AND e.told_at >= m.weakened_at
    AND (m.restored_at IS NULL OR e.told_at <= m.restored_at)
LEFT JOIN principals AS p ON p.system = 'github' AND p.account_key = CAST(e.actor_id AS VARCHAR)
    AND e.told_at >= p.valid_from AND (p.valid_to IS NULL OR e.told_at < p.valid_to)
GROUP BY ALL
