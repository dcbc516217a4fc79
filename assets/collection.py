"""One asset per stream: what a system said on a day, kept as received.

One step per system asks its streams day by day, so that a system is never asked twice at once and all its streams
share connections. Several days in one run (a backfill) are one step too.
"""

from collections.abc import Iterator

import dagster as dg

from assets.partitions import DAILY, days_of
from assets.resources import HomeResource, retrying
from evidence.collecting import clock_of
from evidence.custody import Receipt
from evidence.sources.base import Stream
from evidence.sources.registry import connector, names


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
            dg.AssetCheckSpec("received_whole", asset=key, description="Every window asked was received whole.")
            for key in by_key
        ],
    )
    def collected(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        opened = home.open()
        if system not in opened.config.sources:
            context.log.info("%s is not configured: nothing to collect", system)
            return
        wanted = [by_key[key].name for key in context.selected_asset_keys]
        receipts: list[Receipt] = []

        def work() -> None:
            done = opened.collect(
                system, days_of(context.partition_key_range),
                clock=clock_of(opened.config, now=home.now()), streams=wanted,
                progress=lambda day: context.log.debug("%s %s", system, day),
            )  # fmt: skip
            receipts.extend(done.receipts)
            done.raise_failures()

        retrying(context, home, work)
        for name in sorted(wanted):
            yield _result(name, [r for r in receipts if r.stream == name])

    return collected


def _result(stream: str, receipts: list[Receipt]) -> dg.MaterializeResult[None]:
    partial = [r for r in receipts if not r.complete]
    key = stream_key(stream)
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "receipts": len(receipts),
            "captures": sum(int(r.body["captures"]) for r in receipts),
            "bytes": sum(int(r.body["bytes"]) for r in receipts),
            "gaps": sum(len(r.body["gaps"]) for r in receipts),
        },
        check_results=[
            dg.AssetCheckResult(
                asset_key=key,
                check_name="received_whole",
                passed=not partial,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"partial": [gap for r in partial for gap in r.body["gaps"]][:20]},
            )
        ],
    )
