-- Workers whose employment ended, and from when lateness counts: a termination that HR recorded late counts from then.
SELECT worker_id, name, terminated_at, evidence,
    greatest(terminated_at, coalesce(termination_recorded_at, terminated_at)) AS known_at,
    greatest(terminated_at, coalesce(termination_recorded_at, terminated_at)) + span_at('APD-02', 'P_LEAVER_H', terminated_at) AS disable_due,
    greatest(terminated_at, coalesce(termination_recorded_at, terminated_at)) + span_at('APD-02', 'P_MOVER_DAYS', terminated_at) AS handover_due
FROM workers WHERE terminated_at IS NOT NULL
