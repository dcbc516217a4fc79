SELECT 'movers' AS population, subject, 'D' AS attribute,
    CASE WHEN due > $freeze_at THEN 'NOT_APPLICABLE' WHEN len(kept) > 0 THEN 'EXCEPTION' ELSE 'PASS' END AS verdict,
    change || CASE WHEN due > $freeze_at THEN '; due only at ' || instant_text(due) WHEN len(kept) > 0 THEN '; kept without a new approval by ' || instant_text(due) || ': ' || array_to_string(kept, ', ')
        ELSE '; of ' || held || ' entitlements held before none was kept without a new approval' END AS reason,
    changed_at AS event_time, proofs AS evidence, changed_at AS window_start, due AS window_end, to_json({'person': worker_id, 'principal': worker_id, 'entitlement': kept}) AS covers
FROM role_changes WHERE changed_at >= $period_start AND changed_at < $period_end
