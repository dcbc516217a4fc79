"""The storage of runs: a range of days is planned once, and Dagster's own storage reads what was written."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Dagster's notices of beta features
    from assets.running import instance

KEY = dg.AssetKey("counted")


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning", "ignore::dagster.PreviewWarning")
def test_a_range_of_days_is_planned_once_and_every_day_is_materialized(tmp_path: Path) -> None:
    """One planned event and one planned check a run, nothing that waits for ever, in files that Dagster reads."""

    @dg.asset(
        key=KEY,
        partitions_def=dg.DailyPartitionsDefinition(start_date="2026-07-01"),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[dg.AssetCheckSpec("whole", asset=KEY)],
    )
    def counted() -> Iterator[dg.MaterializeResult[None]]:
        yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    tags = {"dagster/asset_partition_range_start": "2026-07-01", "dagster/asset_partition_range_end": "2026-07-05"}
    with instance(tmp_path) as opened:
        run = dg.materialize([counted], instance=opened, tags=tags)
    held = SqliteEventLogStorage(str(tmp_path / "dagster/storage/history/runs"))

    kinds = [r.event_log_entry.dagster_event_type for r in held.get_records_for_run(run.run_id).records]
    assert kinds.count(dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED) == 1
    assert held.get_materialized_partitions(KEY) == {f"2026-07-0{n}" for n in range(1, 6)}
    checks = held.get_asset_check_execution_history(dg.AssetCheckKey(KEY, "whole"), limit=10)
    assert [(check.status.value, check.partition) for check in checks] == [("SUCCEEDED", None)]
