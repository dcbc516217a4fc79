-- Leavers of the period and of P_LEAVER_LOOKBACK_D before it; acts of the period by whoever had left before.
WITH leaving AS (
    SELECT worker_id FROM leavers
    WHERE terminated_at >= $period_start - span_at('APD-02', 'P_LEAVER_LOOKBACK_D', $period_start) AND terminated_at < $period_end
)
SELECT 'accounts' AS population, subject, 'A' AS attribute,
    CASE WHEN system = 'git' THEN 'NOT_APPLICABLE' WHEN ended_at <= disable_due THEN 'PASS'
         WHEN disable_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END AS verdict,
    CASE WHEN system = 'git' THEN 'an address in commits; nothing to disable'
         WHEN ended_at IS NULL THEN 'not disabled; due at ' || instant_text(disable_due)
         WHEN ended_at < terminated_at THEN 'disabled before the termination'
         ELSE 'disabled ' || round(date_diff('minute', known_at, ended_at) / 60.0, 1) || ' h after the termination' END AS reason,
    terminated_at AS event_time, evidence, known_at AS window_start, disable_due AS window_end,
    CASE WHEN system = 'github' THEN ['gh.audit', 'gh.member'] WHEN system = 'git' THEN [] ELSE ['idp.event'] END AS needs
FROM leaver_accounts WHERE worker_id IN (SELECT worker_id FROM leaving)
UNION ALL
SELECT 'acts', subject, 'B', CASE WHEN acted_at <= terminated_at + skew THEN 'INDETERMINATE' ELSE 'EXCEPTION' END,
    object || ' at ' || instant_text(acted_at) || ', ' || date_diff('minute', terminated_at, acted_at) || ' min after the termination; records: ' || records,
    acted_at, evidence, acted_at, acted_at, []
FROM leaver_acts WHERE acted_at >= $period_start AND acted_at < $period_end
UNION ALL
SELECT 'credentials', subject, 'C',
    CASE WHEN ended_at <= disable_due THEN 'PASS' WHEN disable_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
    coalesce('ended at ' || instant_text(ended_at), 'not ended as far as known') || ', due at ' || instant_text(disable_due),
    terminated_at, evidence, terminated_at, disable_due, ['gh.audit', 'gh.cred', 'gh.pat']
FROM leaver_credentials WHERE worker_id IN (SELECT worker_id FROM leaving)
UNION ALL
SELECT 'owned', subject, 'D',
    CASE WHEN handed_over_at <= handover_due THEN 'PASS' WHEN handover_due > $freeze_at THEN 'NOT_APPLICABLE' ELSE 'EXCEPTION' END,
    CASE WHEN handed_over_at IS NULL THEN 'still owned by the leaver' ELSE 'owned by ' || coalesce(owner_now, 'nobody') || ' since ' || instant_text(handed_over_at) END,
    terminated_at, evidence, terminated_at, handover_due, ['nhi']
FROM leaver_owned_identities WHERE worker_id IN (SELECT worker_id FROM leaving)
UNION ALL
-- Whoever HR says is gone without saying since when may have left in the period.
SELECT 'population', 'population:' || $period, '*', 'INDETERMINATE', 'no termination date: ' || string_agg(worker_id, ', ' ORDER BY worker_id), NULL, proofs(list(evidence)), NULL, NULL, []
FROM workers WHERE terminated_at IS NULL AND lower(status) IN ('terminated', 'left', 'inactive', 'former')
HAVING count(*) > 0
