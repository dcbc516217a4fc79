"""More of other tools' fixtures: failure rates by week, which pull requests a deployment has, documented examples."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.reports.dora_history import Computed, History
from tests.reports.test_dora_peers import FOREVER, _calls, _computed, _middleware

if TYPE_CHECKING:
    from pathlib import Path


def _rated(deployments: list[Any], incidents: list[Any], **more: Any) -> Computed:
    """Links by time count, without a bound, as there."""
    return _computed(_middleware(deployments, incidents), threshold=0.5, temporal_hours=FOREVER, **more)


def test_middleware_has_the_same_failure_rate_where_time_may_blame(shared: Path) -> None:
    """Equal in all seven; where there is no deployment it says 0 %, and ours says nothing."""
    calls = _calls(shared, "get_change_failure_rate_metrics")
    for call in calls:
        deployments, incidents = call["args"]
        computed = _rated(deployments, incidents)
        rate = computed.value("change_failure_rate", "rate")
        failed = {row["deployment"] for row in call["result"]["failed_deployments"]}
        if deployments:
            assert 100 * rate == pytest.approx(call["result"]["change_failure_rate"])
            assert computed.failed() == failed
        else:
            assert (rate, call["result"]["change_failure_rate"]) == (None, 0)
    assert len(calls) == 7


def test_middleware_has_the_same_failure_rate_by_week(shared: Path) -> None:
    """Equal in every week with deployments; in a week without any it says 0 %, and ours says nothing."""
    empty = 0
    for call in _calls(shared, "get_weekly_change_failure_rate"):
        bounds, deployments, incidents = call["args"]
        start, last = (datetime.fromisoformat(bounds[name]).date() for name in ("from", "to"))
        end = last + timedelta(days=1)
        computed = _rated(deployments, incidents, start=start, end=end, grains=("week", "window"))
        ours = {r["period_start"]: r["value"] for r in computed.rows("change_failure_rate", "rate", grain="week")}
        for week, theirs in call["result"]:
            rate = ours[week[:10]]
            empty += rate is None
            assert (100 * rate if rate is not None else 0) == pytest.approx(theirs["change_failure_rate"])
    assert empty >= 3


def test_middleware_has_the_same_mean_recovery_by_week(shared: Path) -> None:
    """By the week in which the incident began; seconds there, minutes here."""
    for call in _calls(shared, "_get_incidents_mean_time_to_recovery_trends"):
        incidents, bounds = call["args"]
        start, last = (datetime.fromisoformat(bounds[name]).date() for name in ("from", "to"))
        computed = _computed(
            _middleware([], incidents), start=start, end=last + timedelta(days=1), grains=("week", "window")
        )
        means = {r["period_start"]: r["value"] for r in computed.rows("mttr", "mean", grain="week")}
        counts = {r["period_start"]: r["value"] for r in computed.rows("mttr", "count", grain="week")}
        for week, theirs in call["result"]:
            assert counts.get(week[:10], 0) == theirs["incident_count"]
            mean = theirs["mean_time_to_recovery"]
            assert means.get(week[:10]) == (None if mean is None else pytest.approx(mean / 60))


def test_middleware_maps_the_same_pull_requests_by_branch_as_the_graph_does(shared: Path) -> None:
    """It follows names of branches and times, ours commits: the same in all seven, what is not merged left out."""
    calls = _calls(shared, "get_all_prs_deployed")
    for call in calls:
        pulls, deployment = call["args"]
        computed = _computed(_merged(pulls, deployment))
        ours = {row[0] for row in computed.con.execute("SELECT pr FROM dora_carried_pull_request").fetchall()}
        assert ours == {row["pr"] for row in call["result"]}, call["test"]
    assert len(calls) == 7


def _merged(pulls: list[dict[str, Any]], deployment: dict[str, Any]) -> History:
    """Each pull request merges the newest commit of its head into its base; the deployment has its branch's newest."""
    history = History()
    tips: dict[str, str] = {}

    def commit(branch: str, when: datetime, *parents: str) -> str:
        sha = f"{branch}-{len(history.facts['commits'])}"
        history.add("commits", sha=sha, repo="app", parents=[p for p in parents if p], committed_at=when)
        tips[branch] = sha
        return sha

    merged = [pull for pull in pulls if pull["state"] == "MERGED"]
    for pull in sorted(merged, key=lambda pull: pull["merged_at"]):
        when = datetime.fromisoformat(pull["merged_at"])
        head = commit(pull["head_branch"], when - timedelta(hours=1), tips.get(pull["head_branch"], ""))
        merge = commit(pull["base_branch"], when, tips.get(pull["base_branch"], ""), head)
        history.pull(pull["pr"], merge, 0, head_branch=pull["head_branch"])
        history.facts["pull_requests"][-1]["merged_at"] = when
    when = datetime.fromisoformat(deployment["conducted_at"])
    branch = deployment["head_branch"]
    sha = tips.get(branch) or commit(branch, when)
    return history.deploy(deployment["deployment"], sha, 0, created_at=when, final_at=when)


# Datadog, by the worked examples of its documentation


def _datadog(shared: Path) -> Any:
    return json.loads((shared / "dora" / "datadog_docs" / "vectors.json").read_text())


def test_datadog_has_the_same_lead_times(shared: Path) -> None:
    """First seen without lead time, merge left out, the rest from commit to finish; equal."""
    example = _datadog(shared)["lead_time"]
    history = History()
    for index, row in enumerate(example["commits"]):
        clock = row.get("t")
        minutes = int(clock[:2]) * 60 + int(clock[3:]) if clock else 600 + index
        history.commit(row["sha"], minutes, *row["parents"])
    first, second = example["deployments"]
    computed = history.deploy("D1", first["sha"], 14 * 60).deploy("D2", second["sha"], 19 * 60).compute()
    expected = example["expected"]

    assert computed.facts("lead_time", "sample") == {f"app@{sha}" for sha in expected["commits"]}
    for statistic, name in (("mean", "avg"), ("max", "max"), ("min", "min")):
        assert computed.value("lead_time", statistic) == expected[name] * 60


def test_datadog_finds_the_same_rollbacks(shared: Path) -> None:
    """V1 V2 V3 V1 blames V2, the same version twice blames nobody; equal."""
    for example in _datadog(shared)["rollback"]:
        history = History().line("V1", "V2", "V3")
        for index, sha in enumerate(example["sequence"]):
            history.deploy(f"D{index}", sha, 100 + index * 10)
        computed = history.compute()
        failed, rollback = example["failed_index"], example["rollback_index"]
        assert computed.failed() == (set() if failed is None else {f"D{failed}"})
        assert [n for n, kind in computed.kinds().items() if kind == "rollback"] == (
            [f"D{rollback}"] if rollback else []
        )


def test_datadog_blames_the_rollback_before_a_hotfix_and_ours_never_does(shared: Path) -> None:
    """Its static rule takes the deployment right before; a rollback was the cure, so that ours looks before it."""
    assert "immediately preceding" in _datadog(shared)["rollforward"]["static_rule"]
    history = History().line("V1", "V2", "V3")
    for index, sha in enumerate(("V1", "V2", "V1", "V3")):
        history.deploy(f"D{index}", sha, 100 + index * 10)
    computed = history.pull("3", "V3", 125, label=["hotfix"]).compute()

    assert computed.kinds()["D2"] == "rollback"
    assert (computed.failed(), computed.rework()) == ({"D1"}, {"D2", "D3"})


def test_a_window_of_no_facts_is_the_same_for_nobody() -> None:
    """Where others print 0 %, ours has no value: the empty history, once more by week."""
    computed = _computed(History(), start=date(2026, 1, 1), end=date(2026, 2, 1), grains=("week", "window"))

    assert {row["value"] for row in computed.rows("change_failure_rate", "rate", grain="week")} == {None}
