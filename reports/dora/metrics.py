"""Facts → metric values and their evidence.

- Every value names its definition (digest of SQL and parameters), its inputs (digest of the facts) and its status:
  `no_source` a relation is missing, `partial` the window or `as_of` cuts the period, `insufficient` fewer
  observations than the minimum, else `ok`. Only `no_source` hides the number; nothing turns it into zero.
- `metric_value` has one row per metric, period and service; `to_rows` has one per statistic of it. A window's row has
  its `histogram` (`definitions.BOUNDS`); `withheld_by` names the coverage for want of which its value is no headline.
- `metric_evidence` has the facts: numerator and denominator of a rate, samples of a distribution or count,
  and what was excluded, with the reason. It is kept by day; `trace` finds it for every value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

from evidence.errors import ConfigError
from reports.dora.attribution import attribute
from reports.dora.definitions import BOUNDS, METRICS, definition_version
from reports.dora.guards import Guard, guards, withheld
from reports.dora.stage import run_sql, sql_text, stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime

    import pyarrow as pa

    from reports.dora.parameters import Parameters

# statistic → (column, unit); None: the unit of the value.
STATISTICS: dict[str, dict[str, tuple[str, str | None]]] = {
    "count": {
        "count": ("n", None),
        "change_bearing_count": ("change_bearing_count", None),
        "days_with_deploy": ("days_with_deploy", "days"),
        "median_per_day": ("median_per_day", "deployments per day"),
        "median_per_week": ("median_per_week", "deployments per week"),
        "mean_per_week": ("mean_per_week", "deployments per week"),
        "median_per_month": ("median_per_month", "deployments per month"),
    },
    "rate": {
        "rate": ("value", None),
        "numerator": ("numerator", "fact"),
        "denominator": ("denominator", "fact"),
        "ci_low": ("ci_low", None),
        "ci_high": ("ci_high", None),
    },
    "level": {
        "mean": ("value", None),
        "count": ("n", "fact"),
        "unknown_count": ("excluded_count", "fact"),
    },
    "distribution": {
        "count": ("n", "fact"),
        "median": ("p50", None),
        "min": ("minimum", None),
        "mean": ("mean", None),
        "max": ("maximum", None),
        "p75": ("p75", None),
        "p90": ("p90", None),
        "p95": ("p95", None),
        "open_count": ("open_count", "fact"),
        "km_median": ("km_median", None),
    },
}
HEADLINE = {"count": "count", "rate": "rate", "distribution": "median", "level": "mean"}
VALUES = """
SELECT v.*, h.histogram, CASE WHEN v.status <> 'no_source' THEN w.withheld_by END AS withheld_by
FROM dora_metric_value v LEFT JOIN dora_histogram h USING (metric, service, grain, period_start)
     LEFT JOIN dora_withheld w USING (metric)
ORDER BY metric, grain, period_start, service
"""
EVIDENCE = "SELECT * FROM dora_metric_evidence ORDER BY metric_value_id, role, fact_type, fact_id"


@dataclass(frozen=True, slots=True)
class Metrics:
    """What was computed; tables are Arrow."""

    metric_value: pa.Table
    metric_evidence: pa.Table
    guards: tuple[Guard, ...]
    withheld: dict[str, str]  # metric whose headline may not be shown → the coverage that is below its limit

    def to_rows(self) -> list[dict[str, Any]]:
        """One dict per statistic, as `evidence dora --json` prints them.

        Keys: metric, service, grain, period_start, statistic, value, unit, n, numerator, denominator, status.
        Of a distribution or rate without facts the headline statistic has the value None.
        """
        return [row for cell in self.metric_value.to_pylist() for row in _statistics(cell)]

    def trace(self, metric_value_id: str) -> list[dict[str, Any]]:
        """The facts behind one value: role, fact_type, fact_id, reason. Empty for an unknown id or no facts."""
        with duckdb.connect() as con:
            con.register("metric_value", self.metric_value)
            con.register("metric_evidence", self.metric_evidence)
            traced = con.execute(sql_text("trace"), {"metric_value_id": metric_value_id})
            return list(traced.to_arrow_table().to_pylist())


def compute(
    con: duckdb.DuckDBPyConnection, *, start: date, end: date, as_of: datetime, zone: str, parameters: Parameters
) -> Metrics:
    """Compute all metrics over [start, end) as known at `as_of`.

    Args:
        con: holds facts that keep the contract of `facts`; temporary tables `dora_*` are left in it.
        start: first local date of the window.
        end: local date after the last one.
        as_of: aware; what happened later is not known.
        zone: IANA time zone of days, weeks, months and quarters.
        parameters: the company's choices.

    Raises:
        ConfigError: an empty window, an unknown zone, or an `as_of` without offset.
    """
    _check(start, end, as_of, zone)
    version = definition_version(parameters)
    stage(con, (start, end), as_of, zone, parameters)
    attribute(con)
    con.execute("CREATE OR REPLACE TEMP TABLE dora_version(version VARCHAR)")
    con.execute("INSERT INTO dora_version VALUES (?)", [version])
    _define(con)
    con.execute("CREATE OR REPLACE TEMP TABLE dora_bound AS SELECT unnest($bounds) AS upto", {"bounds": BOUNDS})
    run_sql(con, "observations")
    run_sql(con, "values")
    run_sql(con, "levels")
    checks = guards(con, parameters)
    _withhold(con, checks)
    return Metrics(con.sql(VALUES).to_arrow_table(), con.sql(EVIDENCE).to_arrow_table(), checks, withheld(checks))


def _withhold(con: duckdb.DuckDBPyConnection, checks: Iterable[Guard]) -> None:
    """Say beside each value which coverage forbids its headline."""
    con.execute("CREATE OR REPLACE TEMP TABLE dora_withheld(metric VARCHAR, withheld_by VARCHAR)")
    for metric, why in withheld(checks).items():
        con.execute("INSERT INTO dora_withheld VALUES (?, ?)", [metric, why])


def _check(start: date, end: date, as_of: datetime, zone: str) -> None:
    if start >= end:
        raise ConfigError(
            f"the window [{start}, {end}) is empty", next_step="give an end after the start; the end is not included"
        )
    if as_of.tzinfo is None:
        raise ConfigError(f"as_of {as_of.isoformat()} has no offset", next_step="write it like 2026-03-30T00:00:00Z")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(
            f"{zone!r} is no time zone", next_step="give an IANA name like Europe/Berlin or UTC"
        ) from None


def _define(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE dora_metric(metric VARCHAR, family VARCHAR, unit VARCHAR, fact_unit VARCHAR,"
        " needs VARCHAR[], censorable BOOLEAN)"
    )
    con.executemany(
        "INSERT INTO dora_metric VALUES (?, ?, ?, ?, ?, ?)",
        [[m.name, m.family, m.unit, m.fact_unit, list(m.needs), m.censorable] for m in METRICS],
    )


def _statistics(cell: dict[str, Any]) -> Iterator[dict[str, Any]]:
    family = cell["family"]
    for statistic, (column, unit) in STATISTICS[family].items():
        value = cell[column]
        if value is None and statistic != HEADLINE[family]:
            continue
        yield {
            "metric": cell["metric"],
            "service": cell["service"],
            "grain": cell["grain"],
            "period_start": cell["period_start"].isoformat(),
            "statistic": statistic,
            "value": value,
            "unit": {None: cell["unit"], "fact": cell["fact_unit"]}.get(unit, unit),
            "n": cell["n"],
            "numerator": cell["numerator"],
            "denominator": cell["denominator"],
            "status": cell["status"],
        }
