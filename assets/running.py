"""Run the jobs in this process: what `evidence run` and `evidence demo` call, and what the schedules run too.

The instance lies below the home (`dagster/`), so that `dagster dev` at the root of a checkout shows the demo's runs.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef  # the only public way to an instance of our own layout

from assets.definitions import day_selection, defs
from assets.partitions import CHOSEN
from evidence.errors import EvidenceError, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from dagster._core.execution.plan.objects import StepFailureData

    from evidence.periods import Period

_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_GO_ON = "Mend the cause and run the same command again: what was received is kept, and the run goes on from there."
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RunError(EvidenceError):
    """A job's run failed; the message names the step and the cause, the exit code is that of the cause."""

    def __init__(self, message: str, *, next_step: str = "", exit_code: int = SourceUnavailable.exit_code) -> None:
        super().__init__(message, next_step=next_step)
        self.exit_code = exit_code


@contextmanager
def instance(home: Path) -> Iterator[DagsterInstance]:
    """The Dagster instance of a home, with all its state below `home/dagster`."""
    root = home.absolute() / "dagster"
    root.mkdir(parents=True, exist_ok=True)
    overrides = {
        "storage": {
            "custom": {
                "module": "assets.storage",
                "class": "BatchedStorage",
                "config": {"base_dir": str(root / "storage")},
            }
        },
        "local_artifact_storage": {
            "module": "dagster._core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": str(root / "artifacts")},
        },
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        },
        "telemetry": {"enabled": False},
    }
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(root), overrides=overrides)) as opened:
        yield opened


def run_days(
    opened: DagsterInstance, config: Path, systems: Collection[str], first: date, last: date, *, now: datetime
) -> None:
    """Collect `systems` and build their tables for local days, both included, in one run of the job `day`.

    However it ends, the job `ledger` publishes a checkpoint of what was received; what failed first is what is told.
    """
    tags = dict(zip(_RANGE, (first.isoformat(), last.isoformat()), strict=True))
    try:
        _execute(opened, "day", config, now, tags=tags, selection=day_selection(systems))
    except RunError:
        with suppress(RunError):  # its cause is in the run's log; most often it is the same one
            _execute(opened, "ledger", config, now)
        raise
    _execute(opened, "ledger", config, now)


def run_verdicts(opened: DagsterInstance, config: Path, quarter: Period, *, now: datetime) -> None:
    """Ask every control about a fiscal quarter: one run of the job `verdicts`."""
    _execute(opened, "verdicts", config, now, partition_key=quarter.first.isoformat())


def run_period(opened: DagsterInstance, config: Path, period: Period, *, now: datetime) -> None:
    """Test the controls, compute the metrics and publish the pack: one run of the job `quarter`, or else `period`."""
    if period.is_quarter:
        _execute(opened, "quarter", config, now, partition_key=period.first.isoformat())
        return
    opened.add_dynamic_partitions(str(CHOSEN.name), [period.name])
    _execute(opened, "period", config, now, partition_key=period.name)


def _execute(
    opened: DagsterInstance,
    job: str,
    config: Path,
    now: datetime,
    *,
    tags: Mapping[str, str] | None = None,
    partition_key: str | None = None,
    selection: Sequence[dg.AssetKey] | None = None,
) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    home = {"config_path": str(config.absolute()), "instant": now.isoformat(), "patient": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's own notices of beta features are not the user's concern
        result = defs.resolve_job_def(job).execute_in_process(
            instance=opened,
            tags=dict(tags or {}),
            partition_key=partition_key,
            asset_selection=selection,
            run_config={**_QUIET, "resources": {"home": {"config": home}}},
            raise_on_error=False,
        )
    if not result.success:
        raise RunError(_cause(result, job), next_step=_next_step(result), exit_code=_exit_code(result))


def _failures(result: dg.ExecuteInProcessResult) -> Iterator[dg.DagsterEvent]:
    return (event for event in result.all_events if event.is_step_failure)


def _cause(result: dg.ExecuteInProcessResult, job: str) -> str:
    found = [f"{event.step_key}: {_words(event.step_failure_data)}" for event in _failures(result)]
    return "; ".join(found) or f"the job {job} failed without a failed step; its log is in Dagster's UI"


def _words(failure: StepFailureData) -> str:
    """What a step said of its failure; else the first line of the innermost cause."""
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error is not None else "no cause was recorded"


def _next_step(result: dg.ExecuteInProcessResult) -> str:
    steps = list(_told(result, "next step"))
    return str(steps[0]) if steps else _GO_ON


def _exit_code(result: dg.ExecuteInProcessResult) -> int:
    codes = list(_told(result, "exit code"))
    return int(str(codes[0])) if codes else SourceUnavailable.exit_code


def _told(result: dg.ExecuteInProcessResult, name: str) -> Iterator[object]:
    """What failed steps said of themselves (`assets.resources.retrying`), the first one first."""
    for event in _failures(result):
        data = event.step_failure_data.user_failure_data
        if data is not None and name in data.metadata:
            yield data.metadata[name].value
