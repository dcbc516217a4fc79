"""One asset per stream: what a system said on a day, kept as received.

One step per system asks its streams day by day, so that a system is never asked twice at once and all its streams
share connections. Several days in one run (a backfill) are one step too.
"""

from collections.abc import Iterator
from datetime import datetime

import dagster as dg

from assets.partitions import DAILY, days_of
from assets.resources import HomeResource, retrying
from evidence.collecting import clock_of
from evidence.custody import Receipt
from evidence.freshness import Freshness, freshness
from evidence.sources.base import Stream
from evidence.sources.registry import connector, names
from warehouse.home import Home
from warehouse.status import present

_CHECKS = {
    "received_whole": "Every window asked was received whole, whatever a re-read of it could not have again.",
    "fresh": "The newest window is here within its allowance, and no day between the first and the last is missing.",
}


def stream_key(stream: str) -> dg.AssetKey:
    """Asset key of a stream: `evidence / system / stream`."""
    return dg.AssetKey(["evidence", *stream.split(".", 1)])


def stream_assets() -> list[dg.AssetsDefinition]:
    """The assets of every source that the product has, configured or not."""
    return [_system_assets(system, tuple(connector(system).STREAMS)) for system in names()]


def _spec(system: str, stream: Stream) -> dg.AssetSpec:
    retention = f"The source keeps it {stream.retention}." if stream.retention else "The source keeps it until deleted."
    return dg.AssetSpec(
        stream_key(stream.name),
        description=f"`{stream.name}` as {system} said it: captures and receipts in the evidence locker. {retention}",
        group_name=f"evidence_{system}",
        kinds={system, "json"},
        owners=["team:controls-data"],
        tags={"stream": stream.name, "kind": stream.kind},
        skippable=True,
    )


def _system_assets(system: str, streams: tuple[Stream, ...]) -> dg.AssetsDefinition:
    by_key = {stream_key(stream.name): stream for stream in streams}

    @dg.multi_asset(
        name=f"collect_{system}",
        specs=[_spec(system, stream) for stream in streams],
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        pool=system,
        check_specs=[
            dg.AssetCheckSpec(name, asset=key, description=description)
            for key in by_key
            for name, description in _CHECKS.items()
        ],
    )
    def collected(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        opened = home.open()
        if system not in opened.config.sources:
            context.log.info("%s is not configured: nothing to collect", system)
            return
        wanted = {stream.name: stream for stream in map(by_key.__getitem__, context.selected_asset_keys)}
        receipts: list[Receipt] = []

        def work() -> None:
            done = opened.collect(
                system, days_of(context.partition_key_range),
                clock=clock_of(opened.config, now=home.now()), streams=list(wanted),
                progress=lambda day: context.log.debug("%s %s", system, day),
            )  # fmt: skip
            receipts.extend(done.receipts)
            done.raise_failures()

        retrying(context, home, work)
        for name in sorted(wanted):
            fresh = _freshness(opened, wanted[name], home.now())
            yield _result([r for r in receipts if r.stream == name], fresh)

    return collected


def _freshness(home: Home, stream: Stream, now: datetime) -> Freshness:
    held = home.custody.receipts(stream.name)
    return freshness(stream.name, held, now=present(home, held, now), lateness=stream.lateness)


def _result(receipts: list[Receipt], fresh: Freshness) -> dg.MaterializeResult[None]:
    # What a re-read could not have again takes nothing from what the first look had.
    partial = [r for r in receipts if not r.complete and not r.body.get("read")]
    key = stream_key(fresh.stream)
    told = fresh.as_json()
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "receipts": len(receipts),
            "captures": sum(int(r.body["captures"]) for r in receipts),
            "bytes": sum(int(r.body["bytes"]) for r in receipts),
            "gaps": sum(len(r.body["gaps"]) for r in receipts),
            "last window ended": told["window_end"] or "never",
            "gaps ever": len(fresh.gaps),
        },
        check_results=[
            dg.AssetCheckResult(
                asset_key=key,
                check_name="received_whole",
                passed=not partial,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"partial": [gap for r in partial for gap in r.body["gaps"]][:20]},
            ),
            dg.AssetCheckResult(
                asset_key=key,
                check_name="fresh",
                passed=fresh.fresh and not fresh.holes,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={
                    "state": fresh.state,
                    "waiting hours": told["waiting_hours"],
                    "allowance hours": told["allowance_hours"],
                    "never asked": told["holes"][:20],
                },
            ),
        ],
    )
