SELECT stream, sum(received)::BIGINT AS received, sum(stored)::BIGINT AS stored, sum(versions)::BIGINT AS versions,
    sum(duplicate)::BIGINT AS duplicate, sum(conflict)::BIGINT AS conflict, sum(quarantined)::BIGINT AS quarantined,
    sum(received) = sum(stored) + sum(duplicate) + sum(conflict) + sum(quarantined) AS balanced
FROM evidence_conservation
GROUP BY stream
ORDER BY stream
