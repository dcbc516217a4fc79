"""Assets of a fiscal quarter: one per control, the delivery metrics, the signed pack.

A quarter's controls are asked every day while it runs, so that an exception is seen the day after; its pack is
published when it has ended and the time for late evidence is over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

import reports.period
from assets.delivery import METRICS, guard_results, guard_specs, metadata
from assets.markdown import table
from assets.partitions import QUARTERLY, quarter_of
from assets.resources import HomeResource, retrying
from assets.tables import table_key
from controls.definitions import Control, catalogue
from controls.results import EXCEPTION, INDETERMINATE, VERDICTS, ControlResult
from evidence.periods import Period
from reports.dora.metrics import Metrics
from reports.dora.warehouse import measured_tables
from reports.pack.build import Published
from reports.period import assess, measure
from warehouse.connect import tables_read
from warehouse.home import Home
from warehouse.open import code_identity, code_sha256

PACK = dg.AssetKey(["packs", "quarterly"])
EFFECTIVE = ("EFFECTIVE", "NOT_OPERATED")  # conclusions that ask for nothing


def control_key(control: str) -> dg.AssetKey:
    """Asset key of a control: `controls / CHG_01`."""
    return dg.AssetKey(["controls", control.replace("-", "_")])


def tables_of(control: Control) -> list[str]:
    """The base tables that a control's questions read, through however many shared views."""
    return tables_read(text for version in control.versions for text in version.questions.values())


def _control_spec(control: Control) -> dg.AssetSpec:
    sheet = control.sheet
    return dg.AssetSpec(
        control_key(control.id),
        deps=[table_key(table) for table in tables_of(control)],
        description=f"{sheet.title}. {sheet.objective} Risk: {sheet.risk}",
        group_name="controls",
        kinds={"sql", "duckdb"},
        owners=["team:internal-controls"],
        tags={"domain": sheet.domain.lower(), "key": "yes" if sheet.key else "no"},
        metadata={"owner of the control": sheet.owner, "definition sha256": control.sha256},
    )


@dg.multi_asset(
    name="test_controls",
    specs=[_control_spec(control) for control in catalogue().values()],
    partitions_def=QUARTERLY,
    pool="lake",
    check_specs=[
        dg.AssetCheckSpec(
            "concluded", asset=control_key(name), description="Effective, or proved not to have operated."
        )
        for name in catalogue()
    ],
)
def test_controls(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[dg.MaterializeResult[None]]:
    """Ask every control of the catalogue about the quarter."""
    opened = home.open()
    period = quarter_of(context.partition_key, opened.config)
    results: list[ControlResult] = []

    def work() -> None:
        results.extend(assess(opened, period, now=home.now(), code=code_sha256()))

    retrying(context, home, work)
    for result in results:
        yield _control_result(result)


def _control_result(result: ControlResult) -> dg.MaterializeResult[None]:
    key = control_key(result.control.id)
    found = result.of(EXCEPTION, INDETERMINATE)
    rows = [(v.attribute, v.subject, v.verdict, v.reason) for v in found[:50]]
    shown = table(("", "item", "verdict", "reason"), rows)
    counts = {verdict: sum(c[verdict] for c in result.counts.values()) for verdict in VERDICTS}
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "conclusion": result.conclusion, "why": result.why, "exceptions": dg.MetadataValue.md(shown),
            "members": sum(len(p.subjects) for p in result.populations), **counts,
        },
        check_results=[
            dg.AssetCheckResult(
                asset_key=key, check_name="concluded", passed=result.conclusion in EFFECTIVE,
                severity=dg.AssetCheckSeverity.WARN, metadata={"conclusion": result.conclusion, "why": result.why},
            )
        ],
    )  # fmt: skip


@dg.multi_asset(
    name="publish_pack",
    specs=[
        dg.AssetSpec(
            METRICS,
            deps=[table_key(name) for name in measured_tables()],
            description="DORA metrics by day, week, month and quarter. Reported, never part of a conclusion.",
            group_name="metrics", kinds={"sql", "duckdb"}, owners=["team:platform"],
        ),
        dg.AssetSpec(
            PACK,
            deps=[METRICS, *(control_key(name) for name in catalogue())],
            description="The evidence pack: one signed PDF/A-3 with populations, results and proofs attached.",
            group_name="packs", kinds={"pdf"}, owners=["team:internal-controls"],
        ),
    ],
    partitions_def=QUARTERLY,
    pool="lake",
    check_specs=guard_specs(),
)  # fmt: skip
def publish_pack(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[dg.MaterializeResult[None]]:
    """Compute the metrics and publish the pack, or find the one that says the same."""
    opened = home.open()
    period = quarter_of(context.partition_key, opened.config)
    closed: list[Closed] = []

    def work() -> None:
        closed.append(close(opened, period, now=home.now()))

    retrying(context, home, work)
    checks = guard_results(closed[0].metrics)
    yield dg.MaterializeResult(asset_key=METRICS, metadata=closed[0].of_metrics, check_results=checks)
    yield dg.MaterializeResult(asset_key=PACK, metadata=closed[0].of_pack)


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of a period: its metrics, how many of their values are new or restated, and its pack."""

    metrics: Metrics
    kept: int
    pack: Published

    @property
    def of_metrics(self) -> dict[str, Any]:
        """Metadata of the metrics' asset."""
        return {**metadata(self.metrics), "new or restated values": self.kept}

    @property
    def of_pack(self) -> dict[str, Any]:
        """Metadata of the pack's asset."""
        path = dg.MetadataValue.path(str(self.pack.path))
        return {"path": path, "name": self.pack.name, "new": self.pack.new}


def close(home: Home, period: Period, *, now: datetime) -> Closed:
    """Measure a period that was assessed, and publish its pack, or find the one that says the same."""
    metrics = measure(home, period, now=now)
    held = reports.period.unchanged_pack(home, period, code=code_sha256(), now=now)
    if held is not None:
        return Closed(metrics, 0, held)
    kept = reports.period.keep(home, period, metrics, now=now)
    pack = reports.period.publish_pack(home, period, metrics, code=code_identity(), now=now)
    reports.period.note_pack(home, period, pack, code=code_sha256(), now=now)
    return Closed(metrics, kept, pack)
