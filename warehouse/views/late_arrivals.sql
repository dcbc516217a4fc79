-- Records that only a planned re-read brought: which one, and how long after its event.
SELECT s.stream, s.event_key, s.stream || ':' || s.event_key AS subject, s.event_time, s.collected_at AS arrived_at,
    s.collected_at - s.event_time AS late_by, r."read", s.receipt, s.evidence
FROM stream_records AS s
JOIN custody_receipts AS r USING (receipt)
WHERE r."read" > 0 AND s.row_status <> 'conflict' AND s.event_time < r.window_end
