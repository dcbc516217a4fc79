"""The parameters of the DORA definitions; part of each value's definition version."""

from __future__ import annotations

from dataclasses import dataclass, field

GRAINS = ("day", "week", "month", "quarter", "window", "trailing_7d", "trailing_28d", "trailing_90d")
# The evidence of a week, month, quarter or window is that of its days; a trailing period may reach before them.
EVIDENCE_GRAINS = ("day", "trailing_7d", "trailing_28d", "trailing_90d")
DEFAULT_LIMITS = {
    "deployments_with_known_sha": 0.99,
    "deployments_with_known_change": 0.95,
    "commits_with_pull_request": 0.0,
    "incidents_linked_or_judged": 0.8,
    "incidents_acknowledged_and_resolved": 0.0,
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a company may choose; the defaults are those of the design page."""

    production: tuple[str, ...] = ("production",)
    threshold: float = 0.6  # confidence from which an attribution counts in the headline
    temporal_hours: float = 24.0  # an incident later than this after a deployment is not linked by time
    hotfix_labels: tuple[str, ...] = ("hotfix",)
    hotfix_branches: tuple[str, ...] = ("hotfix/",)  # prefixes of head branches
    minimum_n: int = 5  # fewer observations: the value is published as `insufficient`
    rebaseline_days: float = 7.0  # a longer gap in collection makes the next deployment a baseline
    fiscal_year_start: int = 1  # month in which the first quarter starts
    slo_objective: float = 0.999  # share of requests without error that is promised; the rest is the error budget
    slo_coverage: float = 0.95  # share of the samples that must be known before a level is more than `insufficient`
    grains: tuple[str, ...] = GRAINS
    evidence_grains: tuple[str, ...] = EVIDENCE_GRAINS  # whose evidence is kept; others are traced by their days
    limits: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_LIMITS))  # coverage, ratio
