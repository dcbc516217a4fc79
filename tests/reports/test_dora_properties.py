"""What must never change a rate or a lead time: the order of events, repetition, and what does not concern them."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.dora.graph import Deployed, Graph, walk
from tests.reports.dora_history import DAY, Computed, History, at

METRICS = ("lead_time", "lead_time_original", "change_failure_rate", "rework_rate", "failed_deployment_recovery_time")


def _history(seed: int = 1) -> History:
    """Twelve deployments of squashed changes, with a rollback, a hotfix and incidents, chosen by the seed."""
    chosen = random.Random(seed)
    history = History()
    for index in range(12):
        sha = f"c{index}"
        minutes = index * DAY * 2
        history.commit(sha, minutes, *([f"c{index - 1}"] if index else []), pr=str(index))
        label = ["hotfix"] if chosen.random() < 0.2 else []
        history.pull(str(index), sha, minutes + 20, merge_method="squash", label=label)
        history.add("pr_commits", pr=str(index), repo="app", sha=f"{sha}x", committed_at=at(minutes - 300))
        history.deploy(f"D{index}", sha, minutes + 60 + chosen.randint(0, 100))
        if chosen.random() < 0.4:
            resolved = None if chosen.random() < 0.3 else minutes + 400
            history.incident(f"I{index}", minutes + 200, resolved, root_cause_sha=sha)
    return history.deploy("R", "c10", 11 * DAY * 2 + 900)


def _outcome(computed: Computed, service: str = "app") -> list[dict[str, Any]]:
    rows = [r for r in computed.metrics.to_rows() if r["service"] == service and r["metric"] in METRICS]
    assert any(row["value"] for row in rows)
    return rows


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(seed: int, order: random.Random) -> None:
    """Facts in any order give the same values, digests and evidence."""
    history = _history(seed)
    before = history.compute().metrics
    for rows in history.facts.values():
        order.shuffle(rows)
    after = history.compute().metrics

    assert after.metric_value.equals(before.metric_value)
    assert after.metric_evidence.equals(before.metric_evidence)


def test_reading_the_facts_twice_changes_nothing() -> None:
    """Rows that are there twice count once, and are no conflict."""
    history = _history()
    before = history.compute()
    history.facts = {name: rows * 2 for name, rows in history.facts.items()}
    after = history.compute()

    assert after.metrics.metric_value.equals(before.metrics.metric_value)
    assert after.guard("duplicate_ids") == 0


def test_editing_an_incident_many_times_changes_nothing() -> None:
    """Versions of an incident are one incident: the last recorded one counts, and the guard reports them."""
    history = _history()
    before = _outcome(history.compute())
    for row in [dict(row) for row in history.facts["incidents"]]:
        for edit in range(3):
            history.add("incidents", **row | {"resolved_at": at(40 * DAY), "recorded_at": at(edit)})
        history.add("incidents", **row | {"recorded_at": at(10)})
    computed = history.compute()

    assert _outcome(computed) == before
    assert computed.guard("duplicate_ids")


def test_a_staging_deployment_changes_nothing() -> None:
    """Other environments are walked apart: their deployments take no commit away."""
    history = _history()
    before = _outcome(history.compute())
    for index in range(12):
        history.deploy(f"S{index}", f"c{index}", index * DAY * 2 + 30, environment="staging")
    history.incident("IS", 500, 600, environment="staging", root_cause_sha="c0")

    assert _outcome(history.compute()) == before


def test_an_unrelated_service_changes_nothing() -> None:
    """Another service with the same commit ids, issue numbers and times leaves this one as it was."""
    history = _history()
    before = _outcome(history.compute())
    history.line("c0", "c1", "c2", repo="web").deploy("W1", "c0", 100, service="web").deploy(
        "W2", "c2", 90, service="web"
    )
    history.pull("2", "c2", 60, repo="web", label=["hotfix"]).incident("W", 300, None, service="web", issue_number="1")

    assert _outcome(history.compute()) == before


@pytest.mark.parametrize("minutes", [DAY * 2 + 400, DAY * 3, DAY * 3.9])
def test_moving_a_redeploy_changes_nothing(minutes: float) -> None:
    """Wherever it lies between its neighbours, rates, lead times and recoveries are the same."""
    before = _outcome(_history().deploy("again", "c1", DAY * 2 + 300).compute())
    window = [row for row in before if row["grain"] == "window"]
    after = _outcome(_history().deploy("again", "c1", minutes).compute())

    assert [row for row in after if row["grain"] == "window"] == window


def _ancestors(sha: str, parents: dict[str, list[str]]) -> set[str]:
    found = {sha}
    for parent in parents[sha]:
        found |= _ancestors(parent, parents)
    return found


@st.composite
def _histories(draw: st.DrawFn) -> tuple[dict[str, list[str]], list[str]]:
    size = draw(st.integers(1, 9))
    parents: dict[str, list[str]] = {}
    for index in range(size):
        known = st.integers(0, index - 1) if index else st.nothing()
        chosen = draw(st.lists(known, max_size=2, unique=True)) if index else []
        parents[f"c{index}"] = [f"c{parent}" for parent in chosen]
    heads = draw(st.lists(st.sampled_from(sorted(parents)), min_size=1, max_size=8))
    return parents, heads


@settings(max_examples=300, deadline=None)
@given(_histories())
def test_the_walk_agrees_with_the_definition(given_history: tuple[dict[str, list[str]], list[str]]) -> None:
    """Carried is reachable minus the union of what was reachable before; a rollback is a proper ancestor."""
    parents, heads = given_history
    results = walk([Deployed(i + 1, head) for i, head in enumerate(heads)], Graph(parents))
    seen: set[str] = set()
    for index, (head, result) in enumerate(zip(heads, results, strict=True)):
        reachable = _ancestors(head, parents)
        assert set(result.carried) == reachable - seen
        seen |= reachable
        older = bool(index) and head != heads[index - 1] and head in _ancestors(heads[index - 1], parents)
        assert (result.kind == "rollback") == older
        assert (result.kind == "redeploy") == (bool(index) and head == heads[index - 1])
