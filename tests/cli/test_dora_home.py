"""`evidence dora` of a home: its facts from the warehouse, its period, its refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from tests.reports.small_home import REPO, at, fortnight, incident, job, make_home, take

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.home import Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The fortnight, with an incident that no change caused, an open one, and a run that waited for approval."""
    made = make_home(tmp_path_factory.mktemp("dora"))
    records = fortnight()
    records["company.incidents"] += [
        incident("INC-2", at(5), at(5, 40), None, cause="expired certificate"),
        incident("INC-3", at(6), None, None),
    ]
    records["github.workflow_jobs"] += [
        job(100, 50, at(3), at(3, 5)),
        job(101, 50, at(3, 65), at(3, 70)),
        job(102, 50, at(3, 500), at(3, 500), "skipped"),
        job(103, 51, at(4), at(4, 5)),
        job(104, 51, at(4, 65), at(4, 70)),
    ]
    approval = {"environments": [{"id": 1, "name": "live"}], "user": {"id": 1}, "state": "approved", "comment": ""}
    records["github.deployment_approvals"] = [approval | {"_repo": REPO, "_run_id": 50}]
    take(made, records)
    return made


def ask(home: Home, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    """The rows of a call."""
    config = str(home.config.root / "evidence.yaml")
    assert main(["dora", "--config", config, "--json", *options]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def value(rows: list[dict[str, Any]], metric: str, statistic: str) -> Any:
    """One statistic of the window, over all services."""
    (row,) = [
        r for r in rows
        if (r["metric"], r["statistic"], r["service"], r["grain"]) == (metric, statistic, "all", "window")
    ]  # fmt: skip
    return row["value"]


def test_a_period_is_measured_from_the_warehouse(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Deployments, commits and incidents of the tables give the values that the history has."""
    rows = ask(home, capsys, "--period", "2026Q3")

    assert value(rows, "deployment_frequency", "count") == 14
    assert value(rows, "lead_time", "median") == 30
    assert value(rows, "change_failure_rate", "numerator") == 1
    assert value(rows, "failed_deployment_recovery_time", "median") == 30


def test_an_incident_whose_cause_is_stated_and_no_change_is_judged(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """A resolved one with an empty link is judged unrelated; an open one says nothing yet, and is counted as open."""
    rows = ask(home, capsys, "--period", "2026Q3")

    assert value(rows, "incident_link_coverage", "numerator") == 1
    assert value(rows, "mttr", "open_count") == 1


def test_waiting_for_approval_is_no_work_of_the_pipeline(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """The pause between jobs counts for a run that nobody had to approve, and only for that."""
    rows = ask(home, capsys, "--from", "2026-07-04", "--to", "2026-07-06")

    lengths = {value(rows, "pipeline_duration", name) for name in ("min", "median", "max")}
    assert value(rows, "pipeline_duration", "count") == 4
    assert lengths == {10, 70}


def test_a_stream_that_was_never_asked_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No deployments, no incidents: `no_source`, never zero."""
    made = make_home(tmp_path)
    take(made, {"git.commits": fortnight()["git.commits"]})
    rows = ask(made, capsys, "--period", "2026Q3", "--grain", "window")

    assert {row["status"] for row in rows} == {"no_source"}
    assert {row["value"] for row in rows} == {None}


@pytest.mark.parametrize(
    "options",
    [
        ["--period", "2026Q3", "--from", "2026-07-01", "--to", "2026-07-02"],
        ["--from", "2026-07-01"],
        ["--timezone", "UTC"],
        ["--facts", ".", "--period", "2026Q3"],
        ["--facts", "."],
    ],
)
def test_a_window_that_is_said_twice_or_by_half_is_refused(
    home: Home, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One calendar per call."""
    config = [] if "--facts" in options else ["--config", str(home.config.root / "evidence.yaml")]
    assert main(["dora", *config, *options]) == 2
    assert "Next: " in capsys.readouterr().err
