"""The hand-computed scenario: every value, every list."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from reports.dora.folder import load_folder
from reports.dora.metrics import Metrics, compute
from reports.dora.parameters import Parameters

if TYPE_CHECKING:
    from pathlib import Path

ZONES = ("UTC", "Europe/Berlin")


def _compute(folder: Path, zone: str) -> tuple[duckdb.DuckDBPyConnection, Metrics]:
    con = duckdb.connect()
    load_folder(con, folder)
    window = {"start": date(2026, 3, 2), "end": date(2026, 3, 30)}
    metrics = compute(con, **window, as_of=datetime(2026, 3, 30, tzinfo=UTC), zone=zone, parameters=Parameters())
    return con, metrics


KEY = ("metric", "service", "grain", "period_start", "statistic")
Rows = dict[tuple[str, ...], Any]


@pytest.fixture(scope="module")
def computed(shared: Path) -> dict[str, tuple[duckdb.DuckDBPyConnection, Metrics]]:
    """Connection and metrics per time zone."""
    return {zone: _compute(shared / "dora" / "scenario_s1", zone) for zone in ZONES}


@pytest.fixture(scope="module")
def rows(computed: dict[str, tuple[duckdb.DuckDBPyConnection, Metrics]]) -> dict[str, Rows]:
    """The printed rows by their key, per time zone."""
    return {
        zone: {tuple(row[name] for name in KEY): row for row in metrics.to_rows()}
        for zone, (_, metrics) in computed.items()
    }


@pytest.fixture(scope="module")
def truth(shared: Path) -> Any:
    """What was computed by hand."""
    return json.loads((shared / "dora" / "scenario_s1" / "truth.json").read_text())


def _met(check: dict[str, str], rows: dict[str, Rows]) -> bool:
    grain, _, zone = check["grain"].partition("@")
    row = rows[zone or "UTC"].get((check["metric"], check["service"], grain, check["period_start"], check["statistic"]))
    if row is None or row["unit"] != check["unit"] or row["value"] is None:
        return False
    return bool(abs(row["value"] - float(check["expected"])) <= float(check["tolerance"]))


def test_every_check_is_met(shared: Path, rows: dict[str, Rows]) -> None:
    """Each row of checks.csv is reproduced in value and unit."""
    with (shared / "dora" / "scenario_s1" / "checks.csv").open() as file:
        checks = list(csv.DictReader(file))

    assert [check for check in checks if not _met(check, rows)] == []
    assert len(checks) > 60


def _window(rows: dict[str, Rows], metric: str, service: str, statistic: str) -> Any:
    return rows["UTC"][metric, service, "window", "2026-03-02", statistic]["value"]


def _samples(con: duckdb.DuckDBPyConnection, metric: str, service: str) -> list[float]:
    query = (
        "SELECT value FROM dora_observation WHERE metric = ? AND service = ? AND NOT excluded AND NOT censored"
        " ORDER BY value"
    )
    return [row[0] for row in con.execute(query, [metric, service]).fetchall()]


def _evidence(metrics: Metrics, metric: str, service: str, role: str) -> set[str]:
    (value,) = (
        row["metric_value_id"]
        for row in metrics.metric_value.to_pylist()
        if (row["metric"], row["service"], row["grain"]) == (metric, service, "window")
    )
    return {row["fact_id"] for row in metrics.trace(value) if row["role"] == role}


@pytest.mark.parametrize("service", ["shop", "billing"])
@pytest.mark.parametrize(("metric", "name"), [("lead_time", "mainline"), ("lead_time_original", "original")])
def test_lead_times_are_the_listed_ones(computed: Any, truth: Any, service: str, metric: str, name: str) -> None:
    """The sorted minutes of both clocks are those computed by hand."""
    con, _ = computed["UTC"]

    assert _samples(con, metric, service) == truth["lead_time_min"][f"{name}_commit"][service]


def test_frequencies_are_the_listed_ones(rows: dict[str, Rows], truth: Any) -> None:
    """Counts, means and medians per week are those computed by hand."""
    expected = truth["deployment_frequency"]
    for service, count in expected["successful_prod"].items():
        assert _window(rows, "deployment_frequency", service, "count") == count
        assert _window(rows, "deployment_frequency", service, "mean_per_week") == expected["mean_per_week"][service]
        assert _window(rows, "deployment_frequency", service, "median_per_week") == expected["median_per_week"][service]


def test_failed_and_rework_deployments_are_the_listed_ones(computed: Any, rows: dict[str, Rows], truth: Any) -> None:
    """The rates' numerators are the very deployments named by hand."""
    _, metrics = computed["UTC"]
    failed, rework = truth["change_failure_rate"], truth["rework_rate"]

    assert _evidence(metrics, "change_failure_rate", "all", "numerator") == set(failed["failed_changes"])
    assert _evidence(metrics, "rework_rate", "all", "numerator") == set(rework["rework"])
    assert _window(rows, "rework_rate", "all", "rate") == pytest.approx(rework["rate_all"])
    for service in ("all", "shop", "billing"):
        assert _window(rows, "change_failure_rate", service, "rate") == pytest.approx(failed[f"rate_{service}"])


def test_attempts_are_the_listed_ones(rows: dict[str, Rows], truth: Any) -> None:
    """Finished attempts and successes per service are those counted by hand."""
    expected = truth["deployment_success"]
    for service in ("all", "shop", "billing"):
        metric = "deployment_success_rate"
        assert _window(rows, metric, service, "denominator") == expected["finished_attempts"][service]
        assert _window(rows, metric, service, "numerator") == expected["success"][service]


def test_recoveries_are_the_listed_ones(computed: Any, truth: Any) -> None:
    """Each failed deployment recovers in the minutes given by hand, or is open."""
    con, _ = computed["UTC"]
    query = (
        "SELECT fact_id, CASE WHEN NOT censored THEN value END FROM dora_observation"
        " WHERE metric = 'failed_deployment_recovery_time'"
    )
    expected = {key: value for key, value in truth["failed_deployment_recovery_min"].items() if key[0] in "DB"}

    assert dict(con.execute(query).fetchall()) == expected


def test_incident_times_are_the_listed_ones(computed: Any, rows: dict[str, Rows], truth: Any) -> None:
    """Restoration and acknowledgement per incident are those computed by hand."""
    con, _ = computed["UTC"]
    query = "SELECT fact_id, value FROM dora_observation WHERE metric = 'mttr' AND NOT censored"

    assert dict(con.execute(query).fetchall()) == truth["mttr_min"]["resolved_prod_incidents"]
    assert _window(rows, "mttr", "all", "open_count") == truth["mttr_min"]["open"]
    acknowledged = _samples(con, "mtta", "shop") + _samples(con, "mtta", "billing")
    assert sorted(acknowledged) == sorted(truth["mtta_min"]["values"])
    assert _window(rows, "mtta", "all", "mean") == truth["mtta_min"]["mean"]


def test_guards_hold_and_coverage_is_the_listed_one(computed: Any, truth: Any) -> None:
    """Every SHA and change is known; the one deployment that never ended is reported."""
    _, metrics = computed["UTC"]
    values = {guard.guard: guard.value for guard in metrics.guards}
    linked, of = (int(part) for part in truth["coverage"]["prod_incidents_linked_to_cause"].split("/"))

    assert values["deployments_with_known_change"] == 1.0
    assert values["incidents_linked_or_judged"] == linked / of
    assert [guard.guard for guard in metrics.guards if not guard.ok] == ["deployments_in_progress_over_24h"]
    assert metrics.withheld == {}
