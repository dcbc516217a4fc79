"""Guards: may the numbers be believed, and may the headline be shown.

- A guard is a row (guard, value, limit, ok): a coverage that must reach its limit, or a count that must be zero.
- Metrics that rest on a coverage below its limit are withheld from headlines; their values stay in the table.
- Needs the tables that `metrics.compute` leaves in the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.dora.stage import sql_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from reports.dora.parameters import Parameters

# Which headlines rest on which coverage.
RESTS_ON = {
    "deployments_with_known_sha": ("lead_time", "lead_time_original", "merged_to_production", "change_failure_rate"),
    "deployments_with_known_change": ("lead_time", "lead_time_original", "change_failure_rate"),
    "incidents_linked_or_judged": ("change_failure_rate", "failed_deployment_recovery_time"),
}
# Every guard and what it asks; a coverage has a limit of its own, of the rest there ought to be none.
GUARDS = {
    "deployments_with_known_sha": "Production deployments whose commit is known.",
    "deployments_with_known_change": "Production deployments with a known change, or that repeat or go back.",
    "commits_with_pull_request": "Shipped commits that came by a pull request.",
    "incidents_linked_or_judged": "Production incidents that are linked to a deployment, or judged to come of none.",
    "incidents_acknowledged_and_resolved": "Production incidents with acknowledgement and resolution.",
    "run_attempts_missing": "Attempts of a run that are not known though a later one is.",
    "deployments_in_progress_over_24h": "Deployments that have not ended a day after they were asked for.",
    "negative_spans": "Durations that end before they begin; left out and listed.",
    "future_timestamps": "Instants later than what is known.",
    "duplicate_ids": "Rows that share a key with another and say something else.",
    "rows_quarantined": "Rows of a folder that are no facts.",
    "facts_that_cannot_be_placed": "Deployments and incidents without a service or an instant.",
    "ids_shared_by_repositories": "Ids that mean different things in different repositories.",
    "gaps_in_collection": "Stretches of more than a week, and thrice the usual, in which no source said anything.",
    "sums_that_differ": "Days, weeks and months that do not add up to the window.",
    "rates_over_one": "Rates above one.",
    "evidence_that_differs": "Rates whose evidence has other counts than they have.",
}


@dataclass(frozen=True, slots=True)
class Guard:
    """One check. `value` is None where there was nothing to look at, which is ok."""

    guard: str
    value: float | None
    limit: float
    ok: bool


def guards(con: duckdb.DuckDBPyConnection, parameters: Parameters) -> tuple[Guard, ...]:
    """Every guard over the window; coverages must reach `parameters.limits`, counts must not pass zero."""
    checked = []
    for name, value in con.execute(sql_text("guards")).fetchall():
        minimum = parameters.limits.get(name)
        ok = value is None or (value <= 0 if minimum is None else value >= minimum)
        checked.append(Guard(name, value, 0.0 if minimum is None else minimum, ok))
    return tuple(checked)


def withheld(checked: Iterable[Guard]) -> dict[str, str]:
    """The metrics whose headline a failed coverage forbids, and which coverages those are."""
    found: dict[str, list[str]] = {}
    for guard in checked:
        for metric in RESTS_ON.get(guard.guard, ()) if not guard.ok else ():
            found.setdefault(metric, []).append(f"{guard.guard} {guard.value:.3f}, limit {guard.limit:g}")
    return {metric: "; ".join(why) for metric, why in found.items()}
