"""Benchmarks: of an edition, beside the value, without a level of our own making."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reports.dora.benchmarks import EDITIONS, compare, score
from tests.reports.dora_history import DAY, History

if TYPE_CHECKING:
    from pathlib import Path

RECOVERY = "failed_deployment_recovery_time"


def history() -> History:
    """Six deployments in four weeks; the last one failed and was rolled back after two hours."""
    made = History().line(*(f"c{index}" for index in range(6)))
    for index in range(6):
        made.deploy(f"D{index}", f"c{index}", 1000 + index * DAY)
    return made.deploy("R", "c4", 1000 + 5 * DAY + 120)


def rows(year: str) -> dict[str, dict[str, Any]]:
    """The rows of the pool."""
    return {r["metric"]: r for r in compare(history().compute().metrics, EDITIONS[year]) if r["service"] == "all"}


def test_a_value_stands_beside_every_cluster_of_its_edition() -> None:
    """No row says elite or low of ours; 2022 has no elite at all."""
    found = rows("2024")["change_failure_rate"]["clusters"]
    assert found == {"elite": "5 %", "high": "20 %", "medium": "10 %", "low": "40 %"}
    assert "elite" not in rows("2022")["lead_time"]["clusters"]
    assert rows("2024")["rework_rate"]["clusters"] == {}
    assert all(row["score"] is None for row in rows("2024").values())


def test_the_edition_of_2025_has_scores_and_no_tiers() -> None:
    """Each measure has a score from 0 to 10 beside the industry's mean."""
    found = rows("2025")

    assert all(row["clusters"] == {} for row in found.values())
    assert found["change_failure_rate"]["score"] == round(10 * 6 / 7, 1)
    assert found[RECOVERY]["score"] == 8  # less than one day
    assert found["deployment_frequency"]["score"] == 6  # between once per day and once per week
    assert {name: row["industry_mean"] for name, row in found.items()} == EDITIONS["2025"].means


def test_what_is_withheld_or_empty_has_no_score() -> None:
    """Nothing at all never looks like the best."""
    empty = compare(History().compute().metrics, EDITIONS["2025"])
    assert {row["score"] for row in empty} == {None}

    unlinked = history().incident("I1", 9 * DAY, None).compute().metrics
    failed = [row for row in compare(unlinked, EDITIONS["2025"]) if row["metric"] == "change_failure_rate"]
    row = next(row for row in failed if row["service"] == "all")
    assert (row["value"], row["score"], row["status"]) == (None, None, "withheld")


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        ("lead_time", 59, 10), ("lead_time", 60, 8), ("lead_time", DAY, 6), ("lead_time", 8 * DAY, 4),
        ("lead_time", 400 * DAY, 0), ("deployment_frequency", 57, 10), ("deployment_frequency", 20, 8),
        ("deployment_frequency", 4, 6), ("deployment_frequency", 1, 4), ("deployment_frequency", 0, 0),
        ("rework_rate", 0.25, 7.5), ("change_failure_rate", 0, 10),
    ],
)  # fmt: skip
def test_scores_follow_the_scale_of_the_survey(metric: str, value: float, expected: float) -> None:
    """Answers 1 to 6 are 0 to 10, shares count down; over 28 days."""
    assert score(metric, value, 28) == expected


def test_the_means_are_those_of_the_published_file(shared: Path) -> None:
    """The industry's means; the file by size of organization holds recovery upside down, so that it is not used."""
    folder = shared / "dora" / "dora.dev" / "quick-check" / "editions" / "2025"
    industry, size = (json.loads((folder / f"{n}_metrics.json").read_text()) for n in ("industry", "organization_size"))
    means = EDITIONS["2025"].means
    counted_down = {"changefailure": "change_failure_rate", "rework": "rework_rate"}
    counted_up = {"leadtime": "lead_time", "deployfreq": "deployment_frequency", "failurerecovery": RECOVERY}

    assert {counted_up[n]: _mean(industry, n) for n in counted_up}.items() <= means.items()
    assert {counted_down[n]: round(10 - _mean(industry, n), 1) for n in counted_down}.items() <= means.items()
    assert _mean(size, "failurerecovery") == pytest.approx(10 - means[RECOVERY])


def _mean(data: Any, name: str) -> float:
    """Of everybody."""
    return float(data["all"][name]["mean"])
