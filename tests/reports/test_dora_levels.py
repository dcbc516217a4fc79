"""Service levels, teams and alerts: what was promised, who owned it, when anybody knew."""

from __future__ import annotations

import pytest

from tests.reports.dora_history import DAY, History, at


def sampled(*ratios: float | None, days: int = 1) -> History:
    """One service whose samples of a day, evenly spread, have these error ratios, day after day."""
    history = History().line("a").deploy("D1", "a", 100)
    step = DAY / len(ratios)
    for day in range(days):
        for index, ratio in enumerate(ratios):
            history.add("slo_samples", service="app", instant=at(day * DAY + index * step), error_ratio=ratio)
    return history


def test_availability_and_budget_are_means_of_the_samples() -> None:
    """An error ratio of 0.05 % on average spends half of the budget of 99.9 %."""
    computed = sampled(0.0, 0.001, 0.0, 0.001, 0.0005, 0.0005).compute(days=1)

    assert computed.value("availability", "mean") == pytest.approx(0.9995)
    assert computed.value("error_budget_spent", "mean") == pytest.approx(0.5)
    assert computed.value("availability", "count", service="app") == 6
    assert computed.rows("availability", "mean")[0]["status"] == "ok"
    assert computed.facts("availability", "sample") == {"app@2026-03-02"}


def test_another_objective_is_another_budget_and_another_definition() -> None:
    """With 99 % promised the same errors spend a tenth as much."""
    one, two = (sampled(0.005, 0.005, 0.005, 0.005, 0.005).compute(days=1, slo_objective=o) for o in (0.999, 0.99))

    assert one.value("error_budget_spent", "mean") == pytest.approx(5)
    assert two.value("error_budget_spent", "mean") == pytest.approx(0.5)
    assert one.value("availability", "mean") == two.value("availability", "mean")


def test_a_missing_sample_is_unknown_and_not_good() -> None:
    """Days without samples, and samples without a value, make a level insufficient and are counted."""
    holes = sampled(0.0, 0.0, None, 0.0, None, 0.0, days=2).compute(days=2)
    assert holes.value("availability", "unknown_count") == 4
    assert holes.rows("availability", "mean")[0]["status"] == "insufficient"

    late = sampled(*[0.0] * 6).compute(days=3)
    assert (late.value("availability", "count"), late.value("availability", "unknown_count")) == (6, 12)
    assert late.rows("availability", "mean")[0]["status"] == "insufficient"


def test_what_is_not_over_is_partial_and_what_was_never_sampled_has_no_source() -> None:
    """Only the time that has passed is expected; a service without samples has no level at all."""
    history = sampled(*[0.0] * 24).line("w", repo="web").deploy("W1", "w", 100, service="web")
    computed = history.compute(days=1, as_of=DAY / 2)

    assert computed.rows("availability", "mean", service="app")[0]["status"] == "partial"
    assert computed.value("availability", "unknown_count", service="app") == 0
    assert computed.rows("availability", "mean", service="web")[0]["status"] == "no_source"
    assert History().line("a").deploy("D1", "a", 1).compute().rows("availability", "mean")[0]["status"] == "no_source"


def test_a_team_has_the_facts_of_its_time() -> None:
    """A service that changed hands: each team has the deployments of its stretch; both services pool in a team."""
    history = (
        History().line("a", "b", "c").deploy("D1", "a", 100).deploy("D2", "b", 3 * DAY).deploy("D3", "c", 10 * DAY)
    )
    history.line("x", repo="web").deploy("W1", "x", 11 * DAY, service="web")
    history.add("services", service="app", repo="app", team="blue", valid_to=at(7 * DAY))
    history.add("services", service="app", repo="app", team="red", valid_from=at(7 * DAY))
    history.add("services", service="web", repo="web", team="red")
    for service in ("app", "web"):
        history.incident("I1", 12 * DAY, 12 * DAY + 30, service=service)
    computed = history.compute()

    assert computed.facts("deployment_frequency", "sample", service="team:blue") == {"D1", "D2"}
    assert computed.facts("deployment_frequency", "sample", service="team:red") == {"D3", "W1"}
    assert computed.value("mttr", "count", service="team:red") == 1
    assert computed.value("deployment_frequency", "count", service="app") == 3
    weeks = computed.rows("deployment_frequency", "count", service="team:blue", grain="week")
    assert [row["value"] for row in weeks] == [2, 0, 0, 0]
    assert computed.guard("sums_that_differ") == computed.guard("evidence_that_differs") == 0


def test_an_alert_is_late_by_the_time_since_the_onset() -> None:
    """From onset to alert; an incident without an onset is listed, and without the column there is no source."""
    history = History().line("a").deploy("D1", "a", 100)
    history.incident("I1", 200, 260, started_at=at(188)).incident("I2", 300, 360)
    computed = history.compute()

    assert computed.value("time_to_alert", "median") == 12
    assert computed.facts("time_to_alert", "excluded") == {"I2"}
