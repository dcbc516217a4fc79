"""Statuses, guards, censoring, monorepos and the contract: what a number says beside itself."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from evidence.errors import ConfigError
from reports.dora.charts import Point, trend
from reports.dora.facts import from_views
from reports.dora.metrics import compute
from reports.dora.parameters import Parameters
from tests.reports.dora_history import DAY, History, at

WINDOW = {"start": date(2026, 3, 2), "end": date(2026, 3, 30)}
NOW = datetime(2026, 3, 30, tzinfo=UTC)


def test_a_source_that_is_not_connected_is_no_zero() -> None:
    """Without incidents the rates say `no_source` and have no value; with none of them the rate is zero."""
    history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200)
    history.absent = (*history.absent, "incidents")
    for metric in ("change_failure_rate", "rework_rate"):
        (row,) = history.compute().rows(metric, "rate")
        assert (row["value"], row["n"], row["status"]) == (None, None, "no_source")
    (row,) = history.compute().rows("mttr", "median")
    assert (row["value"], row["status"]) == (None, "no_source")

    history.absent = tuple(name for name in history.absent if name != "incidents")
    assert history.compute().value("change_failure_rate", "rate") == 0.0


def test_empty_facts_look_like_nothing() -> None:
    """No deployments: frequency zero, everything else without a value, and nothing is elite."""
    rows = [row for row in History().compute().metrics.to_rows() if row["grain"] == "window"]

    assert {row["value"] for row in rows} <= {None, 0}
    assert {row["status"] for row in rows if row["statistic"] in {"rate", "median"}} <= {"insufficient", "no_source"}


def test_nothing_has_no_interval() -> None:
    """Of no facts there is no rate, and no interval from zero to one beside it."""
    rows = [row for row in History().compute().metrics.metric_value.to_pylist() if row["family"] == "rate"]

    assert {(row["value"], row["ci_low"], row["ci_high"]) for row in rows} == {(None, None, None)}


def test_wilson_interval() -> None:
    """3 of 14 is 21.4 %, and with 95 % confidence between 7.6 and 47.6 %."""
    history = History().line(*(f"c{index}" for index in range(14)))
    for index in range(14):
        history.deploy(f"D{index}", f"c{index}", 1000 + index)
        if index < 3:
            history.incident(f"I{index}", 2000, 2100, root_cause_sha=f"c{index}")
    computed = history.compute()

    assert computed.value("change_failure_rate", "ci_low") == pytest.approx(0.0757, abs=5e-4)
    assert computed.value("change_failure_rate", "ci_high") == pytest.approx(0.4759, abs=5e-4)


def test_open_incidents_weigh_in_the_survival_median() -> None:
    """Kaplan and Meier by hand: 10, 20, 30 ended, two open: half are over only at 30; the plain median is 20."""
    history = History().line("a").deploy("D1", "a", 5)
    for index, resolved in enumerate((110, 120, 130, None, None)):
        history.incident(f"I{index}", 100, resolved)
    computed = history.compute()

    assert computed.value("mttr", "median") == 20
    assert computed.value("mttr", "km_median") == 30
    assert computed.value("mttr", "open_count") == 2


def test_what_is_later_than_as_of_is_not_known() -> None:
    """A deployment that ends later is in progress, a resolution that comes later leaves the incident open."""
    history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 300).incident("I1", 110, 400)
    computed = history.compute(as_of=299)

    assert computed.facts("deployment_frequency", "sample") == {"D1"}
    assert computed.value("mttr", "open_count") == 1
    assert computed.guard("future_timestamps")


def test_a_monorepo_counts_a_commit_where_it_touches() -> None:
    """Each service has the lead time of the commits in its own paths."""
    history = History().commit("root", 0)
    history.commit("x", 10, "root", paths=["apps/x/main.py"]).commit("y", 20, "x", paths=["apps/y/main.py"])
    for service in ("x", "y"):
        history.add("services", service=service, repo="app", path_globs=[f"apps/{service}/**"])
        history.deploy(f"{service}1", "root", 100, service=service).deploy(f"{service}2", "y", 200, service=service)
    computed = history.compute()

    assert computed.facts("lead_time", "sample", service="x") == {"app@x"}
    assert computed.facts("lead_time", "sample", service="y") == {"app@y"}


def test_a_gap_in_collection_makes_a_new_baseline() -> None:
    """What piled up while nothing was collected has no lead time."""
    history = History().line("a", "b", "c").deploy("D1", "a", 100).deploy("D2", "c", 20 * DAY)
    assert history.compute().value("lead_time", "count") == 2

    history.add("collection_gaps", started_at=at(2 * DAY), ended_at=at(15 * DAY))
    assert history.compute().kinds() == {"D1": "baseline", "D2": "baseline"}
    assert history.compute().value("lead_time", "count") == 0


def test_pipelines_are_timed_where_runs_are_known() -> None:
    """Minutes from the attempt's start to its last job; an unfinished run is listed."""
    history = History().line("a").deploy("D1", "a", 100)
    history.add("pipeline_runs", service="app", run_id="1", run_attempt=1, started_at=at(10), completed_at=at(32))
    history.add("pipeline_runs", service="app", run_id="2", run_attempt=1, started_at=at(40))
    computed = history.compute()

    assert computed.value("pipeline_duration", "median") == 22
    assert computed.facts("pipeline_duration", "excluded") == {"2/1"}


def test_low_coverage_withholds_the_headline() -> None:
    """Incidents that nobody linked or judged withhold the failure rate; a judgement gives it back."""
    history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200).incident("I1", 10 * DAY, None)
    assert "change_failure_rate" in history.compute().metrics.withheld

    history.facts["incidents"][0]["change_related"] = False
    assert history.compute().metrics.withheld == {}


def test_guards_see_missing_attempts_unknown_commits_and_shared_ids() -> None:
    """Each of these is counted by its guard."""
    history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "zzz", 200, run_attempt=3)
    history.line("a", repo="web").deploy("D1", "a", 100, service="web")
    computed = history.compute()

    assert computed.guard("run_attempts_missing") == 2
    assert computed.guard("ids_shared_by_repositories") == 1
    assert computed.guard("deployments_with_known_sha") == pytest.approx(2 / 3)
    assert "lead_time" in computed.metrics.withheld
    assert computed.guard("evidence_that_differs") == computed.guard("sums_that_differ") == 0


def test_facts_that_cannot_be_placed_are_counted() -> None:
    """A deployment that succeeded at no known time and an incident of no service do not vanish unseen."""
    history = History().line("a").deploy("D1", "a", 100).deploy("D2", "a", 200, final_at=None)
    computed = history.incident("I1", 110, 120, service=None).compute()

    assert computed.guard("facts_that_cannot_be_placed") == 2
    assert computed.value("deployment_frequency", "count") == 1


def test_trailing_periods_reach_before_the_window() -> None:
    """The 28 days before the end of a one-week window count the deployments before it."""
    history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 25 * DAY)
    computed = history.compute(first=21, days=7)

    assert computed.value("deployment_frequency", "count") == 1
    assert computed.value("deployment_frequency", "count", grain="trailing_28d") == 2
    assert computed.facts("deployment_frequency", "sample", grain="trailing_28d") == {"D1", "D2"}
    assert computed.rows("deployment_frequency", "count", grain="trailing_90d")[0]["status"] == "partial"


def test_fiscal_quarters_start_where_the_company_says() -> None:
    """With a year from February, March is in the quarter from February."""
    history = History().line("a").deploy("D1", "a", 100)
    (row,) = history.compute(fiscal_year_start=2).rows("deployment_frequency", "count", grain="quarter")

    assert row["period_start"] == "2026-02-01"


def test_the_definition_is_part_of_the_value() -> None:
    """Another threshold is another definition and another id; the same inputs have the same digest."""
    history = History().line("a").deploy("D1", "a", 100)
    one, two = (history.compute(threshold=t).metrics.metric_value.to_pylist()[0] for t in (0.6, 0.5))

    assert one["inputs_sha256"] == two["inputs_sha256"]
    assert one["definition_version"] != two["definition_version"]
    assert one["metric_value_id"] != two["metric_value_id"]


def test_the_contract_names_what_is_missing() -> None:
    """A missing relation and missing columns are named."""
    con = History().connection()
    from_views(con)
    con.execute("ALTER TABLE incidents DROP COLUMN acknowledged_at")
    with pytest.raises(ConfigError, match="incidents lacks acknowledged_at"):
        from_views(con)
    con.execute("DROP TABLE incidents")
    with pytest.raises(ConfigError, match="need a relation incidents"):
        from_views(con)
    from_views(con, absent=["incidents"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"end": WINDOW["start"]}, "is empty"),
        ({"zone": "Mars/Olympus"}, "is no time zone"),
        ({"as_of": datetime(2026, 3, 30)}, "has no offset"),  # noqa: DTZ001 - the point
    ],
)
def test_questions_that_make_no_sense_are_refused(change: dict[str, object], message: str) -> None:
    """An empty window, an unknown zone, an instant without offset."""
    given = {**WINDOW, "as_of": NOW, "zone": "UTC", "parameters": Parameters(), **change}
    with pytest.raises(ConfigError, match=message):
        compute(History().connection(), **given)  # type: ignore[arg-type] # deliberately loose


def test_a_trend_takes_the_values_as_they_are() -> None:
    """Rows of a weekly series make a chart in one step."""
    history = History().line("a").deploy("D1", "a", 100)
    rows = history.compute().rows("deployment_frequency", "count", grain="week")
    points = [Point(row["period_start"], row["value"], row["status"] == "partial") for row in rows]

    assert "2026-03-02: 1; 2026-03-09: 0" in trend("Deployments", points, unit="deployments")
