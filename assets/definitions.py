"""Everything that Dagster loads: assets, checks, jobs, schedules, the home."""

from __future__ import annotations

import dagster as dg

from assets.collection import stream_assets
from assets.partitions import DAILY
from assets.resources import HomeResource
from assets.tables import table_assets

_collected = stream_assets()
_tables = table_assets()

day = dg.define_asset_job(
    "day",
    selection=dg.AssetSelection.assets(*_collected, *_tables),
    partitions_def=DAILY,
    executor_def=dg.in_process_executor,
    description="Collect what every system said on a day, with the re-reads that are due, and build the tables.",
)

defs = dg.Definitions(
    assets=[*_collected, *_tables],
    jobs=[day],
    schedules=[dg.build_schedule_from_partitioned_job(day, hour_of_day=6)],
    resources={"home": HomeResource()},
)
