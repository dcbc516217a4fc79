"""Everything that Dagster loads: assets, checks, jobs, schedules, the home."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from assets.chosen import publish_period
from assets.collection import stream_assets, stream_key
from assets.ledger import checkpoint_asset
from assets.partitions import DAILY, QUARTERLY
from assets.quarter import publish_pack, test_controls
from assets.resources import HomeResource
from assets.status import status_asset
from assets.tables import table_assets, table_key
from evidence.sources.registry import connector
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from collections.abc import Collection

_streams = stream_assets()
_daily = [*_streams, *table_assets()]
_stream_keys = [key for asset in _streams for key in asset.keys]
_checkpoint = checkpoint_asset(_stream_keys)
_status = status_asset(_stream_keys)
_quarterly = [test_controls, publish_pack]

day = dg.define_asset_job(
    "day",
    selection=dg.AssetSelection.assets(*_daily),
    executor_def=dg.in_process_executor,
    description="Collect what every system said on a day, with the re-reads that are due, and build the tables.",
)
ledger = dg.define_asset_job(
    "ledger",
    selection=dg.AssetSelection.assets(_checkpoint),
    executor_def=dg.in_process_executor,
    description="Plan the quarter to come, sign the day's checkpoint, have it witnessed, timestamped and copied.",
)
verdicts = dg.define_asset_job(
    "verdicts",
    selection=dg.AssetSelection.assets(test_controls),
    executor_def=dg.in_process_executor,
    description="Ask every control about a quarter; the daily schedule asks about the one that runs.",
)
quarter = dg.define_asset_job(
    "quarter",
    selection=dg.AssetSelection.assets(*_quarterly),
    executor_def=dg.in_process_executor,
    description="Ask every control about a quarter, compute the delivery metrics, publish the signed pack.",
)
chosen = dg.define_asset_job(
    "period",
    selection=dg.AssetSelection.assets(publish_period),
    executor_def=dg.in_process_executor,
    description="The same as the job `quarter` for a period that somebody chose.",
)
custody = dg.define_asset_job(
    "custody",
    selection=dg.AssetSelection.assets(_status),
    executor_def=dg.in_process_executor,
    description="Tell per stream what is overdue, missing, late, unreadable or new, as `evidence status` does.",
)

daily_checkpoint = dg.ScheduleDefinition(
    name="daily_checkpoint", job=ledger, cron_schedule="0 7 * * *", execution_timezone=DAILY.timezone
)

daily_status = dg.ScheduleDefinition(
    name="daily_status", job=custody, cron_schedule="30 7 * * *", execution_timezone=DAILY.timezone
)


@dg.schedule(job=verdicts, cron_schedule="0 8 * * *", execution_timezone=DAILY.timezone)
def daily_verdicts(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """After the day's collection: test the quarter that yesterday belongs to."""
    moment = context.scheduled_execution_time
    keys = [key for key in QUARTERLY.get_partition_keys(moment) if key < f"{moment:%Y-%m-%d}"]
    return dg.RunRequest(run_key=f"{moment:%Y-%m-%d}", partition_key=keys[-1])


@dg.schedule(job=quarter, cron_schedule="0 9 5 * *", execution_timezone=DAILY.timezone)
def quarter_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """On the fifth of a month, past the time for late evidence: publish the quarter that just ended, if one did."""
    moment = context.scheduled_execution_time
    starts = QUARTERLY.get_partition_keys(moment)
    current = [key for key in starts if key <= f"{moment:%Y-%m-%d}"]
    if current[-1][:7] != f"{moment:%Y-%m}":
        return dg.SkipReason("no quarter ended last month")
    return dg.RunRequest(run_key=current[-2], partition_key=current[-2])


def day_selection(systems: Collection[str]) -> list[dg.AssetKey]:
    """Keys of what the job `day` does for some systems: their streams, and the tables of every stream they have."""
    streams = {stream.name for system in systems for stream in connector(system).STREAMS}
    tables = [table_key(sheet.table) for sheet in sheets().values() if sheet.stream in streams]
    return [*(stream_key(name) for name in sorted(streams)), *tables]


defs = dg.Definitions(
    assets=[*_daily, _checkpoint, _status, *_quarterly, publish_period],
    jobs=[day, ledger, verdicts, quarter, chosen, custody],
    schedules=[
        dg.build_schedule_from_partitioned_job(day, hour_of_day=6),
        daily_checkpoint,
        daily_status,
        daily_verdicts,
        quarter_close,
    ],
    resources={"home": HomeResource()},
)
