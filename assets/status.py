"""What `evidence status` tells, as an asset: per stream freshness, gaps, late arrivals, quarantine and drift.

It has a job of its own, after the day's collection: counting what records look like (the census of fields) reads every
new capture once more.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from assets.markdown import table
from assets.resources import HomeResource, retrying
from warehouse.status import Status, StreamStatus, status

STATUS = dg.AssetKey(["custody", "status"])
_CHECKS = {
    "nothing_overdue": "Every stream is here within its allowance, and no stretch was left out.",
    "nothing_missing": "No window has a gap.",
    "nothing_unreadable": "No record is quarantined, and none contradicts another of its key.",
    "nothing_new": "No stream shows fields or kinds of events that it did not show before.",
}


def status_asset(streams: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The asset that comes after the day's collection of `streams`."""

    @dg.multi_asset(
        name="tell_status",
        specs=[
            dg.AssetSpec(
                STATUS,
                deps=list(streams),
                description="The state of the collection as `evidence status` prints it, per stream.",
                group_name="custody",
                kinds={"duckdb"},
                owners=["team:controls-data"],
            )
        ],
        pool="lake",
        check_specs=[
            dg.AssetCheckSpec(name, asset=STATUS, description=description) for name, description in _CHECKS.items()
        ],
    )
    def told(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        found: list[Status] = []
        retrying(context, home, lambda: found.append(status(home.open(), now=home.now())))
        yield _result(found[-1])

    return told


def _result(found: Status) -> dg.MaterializeResult[None]:
    streams = found.streams
    concerned = {
        "nothing_overdue": [s for s in streams if not s.fresh.fresh or s.fresh.holes],
        "nothing_missing": [s for s in streams if s.fresh.gaps],
        "nothing_unreadable": [s for s in streams if s.quarantined or s.conflicts],
        "nothing_new": [s for s in streams if s.news],
    }
    return dg.MaterializeResult(
        asset_key=STATUS,
        metadata={
            "streams": len(streams),
            "late records": sum(s.late for s in streams),
            "table": dg.MetadataValue.md(_table(streams)),
            "status": dg.MetadataValue.json(found.as_json()),
        },
        check_results=[
            dg.AssetCheckResult(
                asset_key=STATUS, check_name=name, passed=not held, severity=dg.AssetCheckSeverity.WARN,
                metadata={"streams": [s.fresh.stream for s in held]},
            )
            for name, held in concerned.items()
        ],
    )  # fmt: skip


def _table(streams: Sequence[StreamStatus]) -> str:
    rows = [
        (
            s.fresh.stream, s.fresh.state, s.fresh.window[1].isoformat() if s.fresh.window else "", len(s.fresh.gaps),
            len(s.fresh.holes), s.late, s.quarantined, s.conflicts, len(s.news),
        )
        for s in streams
    ]  # fmt: skip
    heads = ("stream", "state", "last window ended", "gaps", "holes", "late", "quarantined", "conflicts", "new")
    return table(heads, [[cell or "" for cell in row] for row in rows])
