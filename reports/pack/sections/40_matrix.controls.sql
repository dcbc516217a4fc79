SELECT control, key, risk, nature, frequency, owner, tolerable, mapping FROM assessment_controls ORDER BY control
