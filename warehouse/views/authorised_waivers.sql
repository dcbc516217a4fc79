-- Waivers that an authorised person approved who neither asked nor benefits (D9); time and scope are judged at the event.
-- One that does not say who asked or whom it serves cannot show that.
SELECT w.waiver_id, w.control, w.attribute, w.scope, w.created_at, w.valid_from, w.valid_to, w.evidence
FROM (
    FROM company_waivers QUALIFY row_number() OVER (PARTITION BY natural_key ORDER BY collected_at DESC, record DESC) = 1
) AS w
WHERE w.created_at IS NOT NULL AND w.valid_from IS NOT NULL AND w.valid_to IS NOT NULL
    AND w.approved_by <> w.requested_by AND w.approved_by <> w.beneficiary
    AND w.approved_by IN (SELECT worker_id FROM scope_people WHERE role IN ('security_team', 'compliance_owners', 'waiver_approvers'))
