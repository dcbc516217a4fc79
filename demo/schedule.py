"""What happens on which day: the plan of a period before it is told.

- Ordinary work falls on weekdays in office hours, at a rate per repository; some days stay quiet.
- Specials (tricky compliant stories, then violations) each take a day of a repository for themselves, away from
  the edges of the period. A period too short for all of them has the first ones only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from demo import roster, worktime

if TYPE_CHECKING:
    import random
    from datetime import date

HOURS = (10, 13, 16)
FREEZE_DAYS = 3
_MIN_DAYS_FOR_FREEZE = 20


@dataclass(slots=True)
class DayPlan:
    """One repository's day: (change, release) for each merge, and what else happens to it that day."""

    merges: list[tuple[str, str]] = field(default_factory=list)
    exposure: str | None = None


Plan = dict[str, dict["date", DayPlan]]  # by full name of the repository

# repository -> how often a weekday has none, one, two merges
_RATES = {
    "settlement-api": (45, 46, 9),
    "card-gateway": (45, 46, 9),
    "customer-portal": (40, 48, 12),
    "platform-infra": (76, 24, 0),
    "batch-jobs": (60, 40, 0),
}
_CHANGES = (("ordinary", 68), ("changes_requested", 12), ("approved_again", 8), ("dependency", 12))
_RELEASES = (("released", 70), ("not_released", 22), ("refused", 2), ("retried", 4), ("redeployed", 2))

_ONE = ("ordinary", "released")

# repository, merges of that day, exposure
TRICKY: tuple[tuple[str, tuple[tuple[str, str], ...], str | None], ...] = (
    ("customer-portal", (("updated_branch", "released"),), None),
    ("card-gateway", (("ordinary", "undone"),), None),
    ("settlement-api", (), "maintenance"),
    ("settlement-api", (("ordinary", "undone"),), None),
    ("customer-portal", (("ordinary", "repaired"),), None),
    ("card-gateway", (("updated_branch", "released"),), None),
    ("platform-infra", (("ordinary", "restored_state"),), None),
    ("card-gateway", (("ordinary", "repaired"),), None),
)
VIOLATIONS: tuple[tuple[str, tuple[tuple[str, str], ...], str | None], ...] = (
    ("settlement-api", (("stale_approval", "released"), ("unreviewed_revert", "released")), "ruleset_disabled"),
    ("card-gateway", (("approver_contributed", "contributor_approved"),), None),
    ("customer-portal", (("ordinary", "approval_carried_over"),), None),
    ("batch-jobs", (("weakened_merge", ""),), None),
    ("platform-infra", (("ordinary", "outside_pipeline"),), None),
    ("customer-portal", (("approved_by_bot", "released"),), None),
    ("settlement-api", (("by_lead", "self_approved"), _ONE), "prevent_self_review"),
    ("card-gateway", (("ordinary", "gate_bypassed"),), "can_admins_bypass"),
    (
        "customer-portal",
        (("dismissed_before_merge", "released"), ("approved_after_merge", ""), ("objection_ignored", "released")),
        "ruleset_disabled",
    ),
    ("platform-infra", (("ordinary", "serial_jump"),), None),
    ("card-gateway", (("overridden", "released"),), None),
    ("customer-portal", (("dependency_unseen", ""),), None),
    ("card-gateway", (_ONE,), "prevent_self_review"),
    ("customer-portal", (("ordinary", "deployed_by_tag"),), None),
)


def draw(rng: random.Random, days: list[date]) -> tuple[Plan, list[date]]:
    """The plan of the given days, and the days of the freeze of settlement-api (empty in a short period)."""
    workdays = [d for d in days if worktime.is_workday(d)]
    plan: Plan = {f"{roster.ORG}/{name}": {d: _day(rng, name) for d in days} for name in _RATES}
    taken: set[tuple[str, date]] = set()
    freeze = []
    if len(workdays) >= _MIN_DAYS_FOR_FREEZE:
        first = len(workdays) * 11 // 20
        freeze = workdays[first : first + FREEZE_DAYS]
        special = (("ordinary", "in_freeze"), ("emergency", "emergency_in_freeze"), ("ordinary", "waived_in_freeze"))
        for day, story in zip(freeze, special, strict=True):
            plan[f"{roster.ORG}/settlement-api"][day] = DayPlan([story])
            taken.add(("settlement-api", day))
    inner = workdays[2:-3]
    for name, merges, exposure in (*VIOLATIONS, *TRICKY):
        free = [d for d in inner if (name, d) not in taken]
        if free:
            day = rng.choice(free)
            taken.add((name, day))
            plan[f"{roster.ORG}/{name}"][day] = DayPlan(list(merges), exposure)
    return plan, freeze


def _day(rng: random.Random, name: str) -> DayPlan:
    count = rng.choices((0, 1, 2), _RATES[name])[0]
    return DayPlan([(_pick(rng, _CHANGES), _pick(rng, _RELEASES)) for _ in range(count)])


def _pick(rng: random.Random, shares: tuple[tuple[str, int], ...]) -> str:
    return rng.choices([name for name, _ in shares], [weight for _, weight in shares])[0]
