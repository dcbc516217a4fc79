"""What must never change a rate or a lead time, on histories that nobody thought of."""

from __future__ import annotations

from copy import deepcopy
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reports.dora_oracle import Oracle, Row
from tests.reports.test_dora_oracle import HOURS, at, computed, histories

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from reports.dora.metrics import Metrics

Facts = dict[str, list[Row]]
UNCHANGED = {
    "lead_time", "lead_time_original", "change_failure_rate", "rework_rate", "failed_deployment_recovery_time", "mttr",
}  # fmt: skip
EXAMPLES = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder, written anew by each example."""
    return tmp_path_factory.mktemp("facts")


def known(facts: Facts) -> Oracle:
    """Everything that happened is known."""
    return Oracle(deepcopy(facts), date(2025, 12, 17), date(2026, 1, 12), at(HOURS + 80))


def outcome(folder: Path, facts: Facts) -> tuple[Metrics, list[dict[str, Any]]]:
    """The metrics, and the rows of both services that nothing may change."""
    oracle = known(facts)
    metrics = computed(folder, oracle.facts, oracle)
    rows = [r for r in metrics.to_rows() if r["metric"] in UNCHANGED and r["service"] in ("shop", "bill")]
    return metrics, rows


@EXAMPLES
@given(histories(), st.randoms(use_true_random=False))
def test_order_and_repetition_mean_nothing(folder: Path, facts: Facts, order: random.Random) -> None:
    """Rows in another order, and all of them twice: the same values, digests and evidence."""
    before, _ = outcome(folder, facts)
    again = {name: rows * 2 for name, rows in facts.items()}
    for rows in again.values():
        order.shuffle(rows)
    after, _ = outcome(folder, again)

    assert after.metric_value.equals(before.metric_value)
    assert after.metric_evidence.equals(before.metric_evidence)


@EXAMPLES
@given(histories())
def test_what_concerns_another_environment_or_service_changes_nothing(folder: Path, facts: Facts) -> None:
    """Each deployment to staging too, and a third service with the same commit ids, numbers and times."""
    _, before = outcome(folder, facts)
    more = deepcopy(facts)
    for row in facts["deployments"]:
        staged = row | {"environment": "preview", "deployment_id": row["deployment_id"] + "s"}
        more["deployments"] += [staged, row | {"service": "other", "deployment_id": row["deployment_id"] + "o"}]
    for row in facts["commits"]:
        more["commits"].append(row | {"repo": "other", "sha": f"other-{row['sha']}"})
    for row in facts["incidents"]:
        more["incidents"].append(row | {"service": "other", "incident_id": row["incident_id"] + "o"})
    _, after = outcome(folder, more)

    assert after == before


@EXAMPLES
@given(histories(), st.data())
def test_a_redeploy_changes_no_failure_and_no_lead_time(folder: Path, facts: Facts, data: st.DataObject) -> None:
    """The live version once more, right after it went live: only deployments are more, in frequency and below rates."""
    _, before = outcome(folder, facts)
    live = {release["deployment_id"] for release in known(facts).releases}
    if not live:
        return
    chosen = data.draw(st.sampled_from([row for row in facts["deployments"] if row["deployment_id"] in live]))
    later: datetime = chosen["final_at"] + timedelta(seconds=1)
    again = {"deployment_id": "again", "run_id": "again", "created_at": later, "final_at": later}
    _, after = outcome(folder, facts | {"deployments": [*facts["deployments"], chosen | again]})

    def kept(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [
            (r["metric"], r["service"], r["grain"], r["period_start"], r["statistic"], r["value"]) for r in rows
            if "rate" not in r["metric"] or r["statistic"] == "numerator"
        ]  # fmt: skip

    assert kept(after) == kept(before)
