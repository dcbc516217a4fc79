"""Other companies' answers, by the edition of the survey that they come from; never a level of our own making.

- The clusters of an edition are centres of groups of answers, not thresholds: in 2023 the low cluster is as fast as the
  medium one, in 2024 the medium cluster fails less than the high one. So a value stands beside all of them, and
  nobody is called by the name of one.
- The edition of 2025 has no clusters, only profiles of teams; its Quick Check gives scores of 0 to 10 and their means
  over the industry. The survey asks for a step; a value is put on the step that holds it.
- A value that is withheld or not known has no score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.dora.metrics import Metrics

_LEAD, _FREQUENCY, _FAILED = "lead_time", "deployment_frequency", "change_failure_rate"
_RECOVERY, _REWORK = "failed_deployment_recovery_time", "rework_rate"
MEASURES = (_LEAD, _FREQUENCY, _FAILED, _RECOVERY, _REWORK)
_HOUR, _DAY = 60.0, 1440.0
_STEPS = (_HOUR, _DAY, 7 * _DAY, 30.4375 * _DAY, 182.625 * _DAY)  # minutes below which the answer is 6, 5, 4, 3, 2
_PER_DAY = (1 / 182.625, 1 / 30.4375, 1 / 7, 5 / 7)  # deployments a day from which the answer is 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Edition:
    """What one year's survey published.

    `clusters`: name → the centre of each measure, in the survey's words; `shares`: name → share of the answers.
    `means`: measure → mean score, 0 to 10.
    """

    year: str
    clusters: dict[str, dict[str, str]]
    shares: dict[str, float]
    means: dict[str, float]
    note: str


def _cluster(lead: str, frequency: str, failed: str, recovery: str) -> dict[str, str]:
    return {_LEAD: lead, _FREQUENCY: frequency, _FAILED: failed, _RECOVERY: recovery}


_RECOVERY_2022 = "recovery of that year's survey was of any incident"
EDITIONS = {
    edition.year: edition
    for edition in (
        Edition(
            "2022",
            {
                "high": _cluster("a day to a week", "on demand", "0-15 %", "less than a day"),
                "medium": _cluster("a week to a month", "weekly to monthly", "16-30 %", "a day to a week"),
                "low": _cluster("1 to 6 months", "monthly to half-yearly", "46-60 %", "a week to a month"),
            },
            {},
            {},
            f"no elite cluster; {_RECOVERY_2022}",
        ),
        Edition(
            "2023",
            {
                "elite": _cluster("less than a day", "on demand", "5 %", "less than an hour"),
                "high": _cluster("a day to a week", "daily to weekly", "10 %", "less than a day"),
                "medium": _cluster("a week to a month", "weekly to monthly", "15 %", "a day to a week"),
                "low": _cluster("a week to a month", "weekly to monthly", "64 %", "1 to 6 months"),
            },
            {"elite": 0.18, "high": 0.31, "medium": 0.33, "low": 0.18},
            {},
            "low and medium have the same lead time and frequency",
        ),
        Edition(
            "2024",
            {
                "elite": _cluster("less than a day", "on demand", "5 %", "less than an hour"),
                "high": _cluster("a day to a week", "daily to weekly", "20 %", "less than a day"),
                "medium": _cluster("a week to a month", "weekly to monthly", "10 %", "less than a day"),
                "low": _cluster("1 to 6 months", "monthly to half-yearly", "40 %", "a week to a month"),
            },
            {"elite": 0.19, "high": 0.22, "medium": 0.35, "low": 0.25},
            {},
            "the medium cluster fails less than the high one",
        ),
        Edition(
            "2025",
            {},
            {},
            {_LEAD: 5.5, _FREQUENCY: 4.8, _RECOVERY: 7.4, _FAILED: 8.1, _REWORK: 7.8},
            "no clusters were published; scores are those of the Quick Check",
        ),
    )
}


def compare(metrics: Metrics, edition: Edition) -> list[dict[str, Any]]:
    """A row per measure and service, over the window.

    Keys: benchmark_edition, metric, service, value, unit, n, status (with `withheld`), clusters, score,
    industry_mean, note.
    """
    rows = [row for row in metrics.metric_value.to_pylist() if row["grain"] == "window" and row["metric"] in MEASURES]
    rows.sort(key=lambda row: (MEASURES.index(row["metric"]), row["service"] != "all", row["service"]))
    return [_row(row, edition) for row in rows]


def _row(row: dict[str, Any], edition: Edition) -> dict[str, Any]:
    metric = row["metric"]
    known = row["value"] is not None and not row["withheld_by"]
    scored = known and metric in edition.means and bool(row["n"])
    return {
        "benchmark_edition": edition.year, "metric": metric, "service": row["service"],
        "value": row["value"] if known else None, "unit": row["unit"], "n": row["n"],
        "status": "withheld" if row["withheld_by"] else row["status"],
        "clusters": {name: cluster[metric] for name, cluster in edition.clusters.items() if metric in cluster},
        "score": score(metric, row["value"], (row["period_end"] - row["period_start"]).days) if scored else None,
        "industry_mean": edition.means.get(metric), "note": edition.note,
    }  # fmt: skip


def score(metric: str, value: float, days: int) -> float:
    """The Quick Check's score of a value, 0 to 10: a share counts down from 10, an answer 1 to 6 counts up.

    Args:
        metric: one of `MEASURES`.
        value: a share; minutes; deployments.
        days: in which there were so many deployments.
    """
    if metric in (_FAILED, _REWORK):
        return round(10 * (1 - value), 1)
    if metric == _FREQUENCY:
        rate = value / days
        answer = 6 if rate > 1 else 1 + sum(rate >= bound for bound in _PER_DAY)
    else:
        answer = 1 + sum(value < bound for bound in _STEPS)
    return 2.0 * (answer - 1)
