"""Judge the evidence: control sheets, their questions, and the engine that asks them."""
