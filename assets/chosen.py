"""Assets of a period that somebody chose (`2026-07`, `2026-07-01`, `FROM..TO`): its conclusions, metrics and pack.

One step does all three, and a partition is a period by its name: the quarters' own partitions are not touched by it.
"""

from collections.abc import Iterator

import dagster as dg

from assets.markdown import table
from assets.partitions import CHOSEN
from assets.quarter import EFFECTIVE, Closed, close
from assets.resources import HomeResource, retrying
from assets.tables import table_key
from controls.definitions import catalogue
from controls.results import EXCEPTION, INDETERMINATE, ControlResult
from reports.dora.warehouse import measured_tables
from reports.period import assess
from warehouse.connect import tables_read
from warehouse.open import code_sha256

CONCLUSIONS = dg.AssetKey(["periods", "conclusions"])
METRICS = dg.AssetKey(["periods", "delivery"])
PACK = dg.AssetKey(["periods", "pack"])
_QUESTIONS = [text for control in catalogue().values() for v in control.versions for text in v.questions.values()]
_TABLES = sorted({*measured_tables(), *tables_read(_QUESTIONS)})


def _spec(key: dg.AssetKey, description: str, kinds: set[str], deps: list[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        key, description=description, kinds=kinds, deps=deps, group_name="periods", owners=["team:internal-controls"]
    )


@dg.multi_asset(
    name="publish_period",
    specs=[
        _spec(
            CONCLUSIONS, "Every control's conclusion over a chosen period.", {"sql", "duckdb"},
            [table_key(name) for name in _TABLES],
        ),
        _spec(
            METRICS, "The delivery metrics of a chosen period.", {"sql", "duckdb"},
            [table_key(name) for name in measured_tables()],
        ),
        _spec(PACK, "The signed pack of a chosen period, as of a quarter.", {"pdf"}, [CONCLUSIONS, METRICS]),
    ],
    partitions_def=CHOSEN,
    pool="lake",
    check_specs=[
        dg.AssetCheckSpec(
            "concluded", asset=CONCLUSIONS, description="Every control is effective, or proved not to have operated."
        )
    ],
)  # fmt: skip
def publish_period(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[dg.MaterializeResult[None]]:
    """Ask every control, compute the metrics, publish the pack or find the one that says the same."""
    opened, now = home.open(), home.now()
    period = opened.config.period(context.partition_key)
    found: list[tuple[list[ControlResult], Closed]] = []

    def work() -> None:
        found.append((assess(opened, period, now=now, code=code_sha256()), close(opened, period, now=now)))

    retrying(context, home, work)
    results, closed = found[0]
    yield _conclusions(results)
    yield dg.MaterializeResult(asset_key=METRICS, metadata=closed.of_metrics)
    yield dg.MaterializeResult(asset_key=PACK, metadata=closed.of_pack)


def _conclusions(results: list[ControlResult]) -> dg.MaterializeResult[None]:
    rows = [(r.control.id, r.conclusion, len(r.of(EXCEPTION)), len(r.of(INDETERMINATE)), r.why) for r in results]
    shown = table(("control", "conclusion", "exceptions", "indeterminate", "why"), rows)
    short = {r.control.id: r.conclusion for r in results if r.conclusion not in EFFECTIVE}
    return dg.MaterializeResult(
        asset_key=CONCLUSIONS,
        metadata={"conclusions": dg.MetadataValue.md(shown), "controls": len(results)},
        check_results=[
            dg.AssetCheckResult(
                asset_key=CONCLUSIONS, check_name="concluded", passed=not short,
                severity=dg.AssetCheckSeverity.WARN, metadata={"not effective": short},
            )
        ],
    )  # fmt: skip
