-- Waivers that an authorised person approved who neither asked nor benefits (D9); time and scope are judged at the event.
-- One that does not say who asked or whom it serves cannot show that. One that was dated back counts from when it was seen.
SELECT waiver_id, control, attribute, scope, known_at AS created_at, valid_from, valid_to, evidence
FROM waivers
WHERE independent AND created_at IS NOT NULL AND valid_from < valid_to
