"""The DORA metrics, computed from canonical facts.

`facts` (what is needed; `folder` and `warehouse` bring it) → `attribution` (which deployment carried which commit,
which one failed) → `metrics` (the values and their evidence) → `guards` (may the headline be shown), `charts`,
`targets`, `benchmarks` (other companies' answers, by edition).
Definitions are those of the design page on DORA; where it left room, each decision has a test that names it.
"""
