"""Assets of a fiscal quarter: one per control, the delivery metrics, the signed pack.

A quarter's controls are asked every day while it runs, so that an exception is seen the day after; its pack is
published when it has ended and the time for late evidence is over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

import reports.pack.build
import reports.period
from assets.partitions import QUARTERLY, quarter_of
from assets.resources import HomeResource, retrying
from assets.tables import table_key
from controls.definitions import Control, catalogue
from controls.results import EXCEPTION, INDETERMINATE, VERDICTS, ControlResult
from evidence.periods import Period
from reports.period import assess, measure
from warehouse.connect import view_texts, words_of
from warehouse.home import Home
from warehouse.open import code_identity
from warehouse.sheets import sheets

METRICS = dg.AssetKey(["metrics", "delivery"])
PACK = dg.AssetKey(["packs", "quarterly"])
EFFECTIVE = ("EFFECTIVE", "NOT_OPERATED")  # conclusions that ask for nothing
MEASURED = (  # tables that the delivery metrics rest on
    "github_deployments", "github_deployment_statuses", "github_pull_requests", "github_pull_request_commits",
    "git_commits", "company_incidents", "github_workflow_jobs", "github_workflow_runs", "github_deployment_approvals",
)  # fmt: skip


def control_key(control: str) -> dg.AssetKey:
    """Asset key of a control: `controls / CHG_01`."""
    return dg.AssetKey(["controls", control.replace("-", "_")])


def tables_read(control: Control) -> tuple[str, ...]:
    """The base tables that a control's questions read, through however many shared views."""
    views = view_texts()
    tables = {sheet.table for sheet in sheets().values()}
    found: set[str] = set()
    todo = [text for version in control.versions for text in version.questions.values()]
    while todo:
        words = words_of(todo.pop())
        found |= words & tables
        todo += [views.pop(name) for name in words & views.keys()]
    return tuple(sorted(found))


def _control_spec(control: Control) -> dg.AssetSpec:
    sheet = control.sheet
    return dg.AssetSpec(
        control_key(control.id),
        deps=[table_key(table) for table in tables_read(control)],
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
        results.extend(assess(opened, period, now=home.now()))

    retrying(context, home, work)
    for result in results:
        yield _control_result(result)


def _control_result(result: ControlResult) -> dg.MaterializeResult[None]:
    key = control_key(result.control.id)
    found = result.of(EXCEPTION, INDETERMINATE)
    rows = [f"| {v.attribute} | {v.subject} | {v.verdict} | {v.reason} |" for v in found[:50]]
    table = "\n".join(["| | item | verdict | reason |", "|---|---|---|---|", *rows])
    counts = {verdict: sum(c[verdict] for c in result.counts.values()) for verdict in VERDICTS}
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "conclusion": result.conclusion, "why": result.why, "exceptions": dg.MetadataValue.md(table),
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
            deps=[table_key(name) for name in MEASURED],
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
)  # fmt: skip
def publish_pack(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[dg.MaterializeResult[None]]:
    """Compute the metrics and publish the pack, or find the one that says the same."""
    opened = home.open()
    period = quarter_of(context.partition_key, opened.config)
    made: list[Closed] = []

    def work() -> None:
        made.append(close(opened, period, now=home.now()))

    retrying(context, home, work)
    yield dg.MaterializeResult(asset_key=METRICS, metadata=made[0].of_metrics)
    yield dg.MaterializeResult(asset_key=PACK, metadata=made[0].of_pack)


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of a period's metrics and pack, as metadata of their assets."""

    of_metrics: Mapping[str, str | int | bool | dg.MetadataValue[Any]]
    of_pack: Mapping[str, str | int | bool | dg.MetadataValue[Any]]


def close(home: Home, period: Period, *, now: datetime) -> Closed:
    """Measure a period that was assessed, and publish its pack, or find the one that says the same."""
    metrics = measure(home, period, now=now)
    kept = reports.period.keep(home, period, metrics, now=now)
    pack = reports.period.publish_pack(home, period, metrics, code=code_identity(), now=now)
    return Closed(
        {"dagster/row_count": metrics.metric_value.num_rows, "new or restated values": kept},
        {"path": dg.MetadataValue.path(str(pack.path)), "name": pack.name, "new": pack.new},
    )
