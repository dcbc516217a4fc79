"""The delivery metrics in Dagster: their guards as asset checks, their headlines as plots, their charts as pictures."""

import base64
from typing import Any

import dagster as dg

from reports.dora.charts import Point, trend
from reports.dora.guards import GUARDS
from reports.dora.metrics import Metrics

METRICS = dg.AssetKey(["metrics", "delivery"])
DRAWN = ("deployment_frequency", "lead_time", "change_failure_rate", "failed_deployment_recovery_time", "rework_rate")


def guard_specs() -> list[dg.AssetCheckSpec]:
    """A check per guard of the metrics."""
    return [dg.AssetCheckSpec(name, asset=METRICS, description=meaning) for name, meaning in GUARDS.items()]


def guard_results(metrics: Metrics) -> list[dg.AssetCheckResult]:
    """What the guards found; one that fails warns: the metrics stay, headlines that rest on it are withheld."""
    return [
        dg.AssetCheckResult(
            asset_key=METRICS, check_name=guard.guard, passed=guard.ok, severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "limit": guard.limit,
                "withholds": ", ".join(m for m, why in metrics.withheld.items() if guard.guard in why) or "nothing",
                **({} if guard.value is None else {"found": float(guard.value)}),
            },
        )
        for guard in metrics.guards
    ]  # fmt: skip


def metadata(metrics: Metrics) -> dict[str, Any]:
    """The period's values over all services, which Dagster plots from run to run, and trends by week as pictures.

    What is withheld or not known has no number here.
    """
    rows = [row for row in metrics.metric_value.to_pylist() if row["service"] == "all" and not row["withheld_by"]]
    values = {
        row["metric"]: float(row["value"]) for row in rows if row["grain"] == "window" and row["value"] is not None
    }
    charts = [_trend(name, [r for r in rows if r["metric"] == name and r["grain"] == "week"]) for name in DRAWN]
    return {
        "dagster/row_count": metrics.metric_value.num_rows,
        **{f"delivery/{name}": value for name, value in values.items()},
        "withheld": dg.MetadataValue.json(metrics.withheld),
        "trends": dg.MetadataValue.md("\n\n".join(charts)),
    }


def _trend(name: str, rows: list[dict[str, Any]]) -> str:
    points = [Point(f"{row['period_start']:%d %b}", row["value"], row["status"] == "partial") for row in rows]
    title = name.replace("_", " ")
    drawn = trend(title, points, unit=rows[0]["unit"] if rows else "")
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()})"
