WITH observed AS (
    SELECT *, rostered OR listed OR ticket IS NOT NULL AS approved, span_at('APD-04', 'P_JIT_H', since) AS longest, number_at('APD-04', 'P_MAX_OWNERS', since) AS most
    FROM privileged_facts WHERE since < $period_end AND coalesce(until, since) >= $period_start AND since < $freeze_at
), members AS (
    SELECT subject, any_value(principal) AS principal, any_value(principal_type) AS kind, any_value(system) AS system, any_value(role) AS role, min(since) AS since, max(since) AS last_at, bool_and(approved) AS approved, bool_and(rostered) AS rostered, bool_and(listed) AS listed,
        min(since) FILTER (NOT approved) AS stray_at, min(ticket) AS ticket, bool_or(mode = 'always') AS always, min(owners) AS fewest, max(owners) AS most_seen, min(most) AS most, flatten(list(proofs)) AS proofs,
        bool_or(ticket IS NOT NULL AND expires_at IS NOT NULL) AS elevation, bool_or(event) AS by_event, min(allowed) AS allowed, min(longest) AS longest,
        max(coalesce(until, $freeze_at) - since) FILTER (event) AS lasted_by_event, coalesce(max_by(until, since), $freeze_at) - min(since) AS lasted_as_seen
    FROM observed GROUP BY subject
), judged AS (
    SELECT *, CASE WHEN by_event THEN lasted_by_event ELSE lasted_as_seen END AS lasted FROM members
)
SELECT 'holders' AS population, m.subject, a.attribute, a.verdict, a.reason, greatest(coalesce(CASE WHEN a.attribute = 'A' THEN m.stray_at END, m.since), $period_start) AS event_time, proofs(m.proofs) AS evidence, a.needs,
    greatest(m.since, $period_start) AS window_start, m.last_at AS window_end, to_json({'principal': m.principal, 'person': m.principal, 'system': m.system, 'role': m.role}) AS covers
FROM judged AS m, LATERAL (VALUES
    ('A', CASE WHEN m.approved THEN 'PASS' ELSE 'EXCEPTION' END, CASE WHEN m.approved THEN CASE WHEN m.listed THEN 'a binding of the platform that scope approves' ELSE coalesce('request ' || m.ticket, 'on the roster') END ELSE 'held at ' || instant_text(m.stray_at) || ' without roster or request' END, CASE WHEN m.listed THEN [] WHEN m.ticket IS NOT NULL AND m.approved THEN ['itsm.ticket'] ELSE ['roster', 'itsm.ticket'] END),
    ('B', CASE WHEN m.role <> 'owner' THEN 'NOT_APPLICABLE' WHEN m.kind = 'nhi' AND NOT m.approved OR m.fewest < 2 OR m.most_seen > m.most THEN 'EXCEPTION' WHEN m.fewest IS NULL THEN 'INDETERMINATE' ELSE 'PASS' END,
        CASE WHEN m.role <> 'owner' THEN 'no owner of the organisation' ELSE coalesce('owners seen: ' || m.fewest || ' to ' || m.most_seen, 'no snapshot of the members is known') || CASE WHEN m.kind = 'nhi' THEN '; a machine' ELSE '' END END, ['gh.member']),
    ('C', CASE WHEN NOT m.elevation OR m.rostered THEN 'NOT_APPLICABLE' WHEN m.lasted <= least(m.allowed, m.longest) THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN NOT m.elevation OR m.rostered THEN 'no elevation on request' ELSE 'lasted ' || date_diff('minute', m.since, m.since + m.lasted) || ' min of ' || date_diff('minute', m.since, m.since + least(m.allowed, m.longest)) || ' allowed' END, ['gh.audit', 'k8s.audit']),
    ('D', CASE WHEN m.role NOT LIKE 'bypass:%' THEN 'NOT_APPLICABLE' WHEN m.always AND m.kind <> 'nhi' THEN 'EXCEPTION' WHEN m.approved THEN 'PASS' ELSE 'EXCEPTION' END,
        CASE WHEN m.role NOT LIKE 'bypass:%' THEN 'bypasses no rules' WHEN m.always AND m.kind <> 'nhi' THEN 'a person may always bypass' WHEN m.approved THEN 'approved' ELSE 'not on the approved list' END, CASE WHEN m.always AND m.kind <> 'nhi' THEN [] ELSE ['roster'] END),
    ('E', CASE WHEN m.system <> 'kubernetes' THEN 'NOT_APPLICABLE' WHEN m.role <> 'system:masters' OR m.kind = 'nhi' THEN 'PASS' WHEN m.kind = 'person' THEN 'EXCEPTION' ELSE 'INDETERMINATE' END, CASE WHEN m.role = 'system:masters' THEN 'of group system:masters' || CASE WHEN m.kind = 'unresolved' THEN '; who stands behind it is not known' ELSE '' END ELSE 'not of group system:masters' END, [])
) AS a(attribute, verdict, reason, needs)
