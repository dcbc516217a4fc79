SELECT stream, capture, record, position, reason FROM evidence_quarantine ORDER BY ALL LIMIT 40
