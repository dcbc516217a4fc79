"""`evidence run`: everything that is due for a day or a period, by the same jobs that the schedules run."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cli.home import add_home_arguments, now, open_home
from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from dagster import DagsterInstance

    from evidence.periods import Period
    from warehouse.home import Home

HELP = "collect, build, test, measure and publish: everything that is due for a day or a period"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to run."""
    add_home_arguments(parser)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--date", help="the schedule's work for one day: collect, build, test its quarter so far (default: yesterday)"
    )
    chosen.add_argument("--period", help="2026Q3, 2026-07, 2026-W28, 2026-07-01 or FROM..TO: up to its signed pack")


def run(args: argparse.Namespace) -> int:
    """Run the jobs."""
    home = open_home(args)
    today = now().astimezone(ZoneInfo(home.config.zone)).date()
    period = home.config.period(args.period or args.date or str(today - timedelta(days=1)))
    if args.date and period.end_day - period.first != timedelta(days=1):
        raise ConfigError(f"--date takes one day, found {args.date!r}", next_step=f"Use --period {args.date}.")
    if period.first >= today:
        raise ConfigError(
            f"{period.name}: no day of it has ended, today is {today} in {home.config.zone}",
            next_step="Name a period that has begun; a day can be asked for when it is over.",
        )
    if args.period:
        print(f"Pack: {run_period(home, period)}")
    else:
        run_day(home, period.first)
    return 0


def run_day(home: Home, day: date) -> None:
    """What the schedules do for a day: collect and build it, and ask the controls about its quarter as known now."""
    from assets.running import instance, run_verdicts  # noqa: PLC0415 - takes seconds to load
    from warehouse.planning import quarter_of  # noqa: PLC0415

    _ready(home)
    quarter = quarter_of(home.config, day)
    with instance(home.path) as opened:
        _collect(home, opened, day, day)
        with _told(f"Testing controls over {quarter.name} so far"):
            run_verdicts(opened, _file(home), quarter, now=now())


def run_period(home: Home, period: Period) -> Path:
    """Everything for a period: its days, and those around it that it needs, then verdicts, metrics and its pack."""
    from assets.running import instance  # noqa: PLC0415 - takes seconds to load
    from assets.running import run_period as run_job  # noqa: PLC0415 - as above
    from reports.pack.build import newest  # noqa: PLC0415

    _ready(home)
    with instance(home.path) as opened:
        _collect(home, opened, *days_needed(home, period))
        with _told(f"Testing controls, computing metrics, publishing the pack of {period.name}"):
            run_job(opened, _file(home), period, now=now())
    return newest(home, period)


def _ready(home: Home) -> None:
    """Refuse settings that cannot work, and a store that cannot be written, before anything begins."""
    from warehouse.planning import streams_of  # noqa: PLC0415 - as above

    if not home.config.sources:
        raise ConfigError("no source is configured", next_step="Name your systems under `sources:` in evidence.yaml.")
    streams_of(home)  # opens every source; nothing is asked
    home.store.check_writable()


def _file(home: Home) -> Path:
    return home.config.root / home.config.file_name


def _collect(home: Home, opened: DagsterInstance, first: date, last: date) -> None:
    """Collect and build local days, both included; nothing is asked where everything is held."""
    from assets.running import run_days  # noqa: PLC0415 - takes seconds to load

    due = _first_due(home, first, last)
    if due is None:
        print(f"Everything from {first} to {last} is held: nothing to collect")
        # An earlier run may have ended between a receipt and its ledger leaf, or its rows.
        home.custody.publish(home.log, home.custody.receipts())
        home.builder().build()
        return
    with _told(f"Collecting and building {due} to {last}"):
        run_days(opened, _file(home), home.config.sources, due, last, now=now())


@contextmanager
def _told(what: str) -> Iterator[None]:
    started = time.monotonic()
    print(what, flush=True)
    yield
    print(f"  done in {time.monotonic() - started:.0f} s", flush=True)


def _first_due(home: Home, first: date, last: date) -> date | None:
    """The first day with something to collect, over all configured systems; None also asks for no build."""
    from evidence.collecting import clock_of, first_outstanding  # noqa: PLC0415
    from evidence.sources.registry import connector  # noqa: PLC0415

    clock = clock_of(home.config, now=now())
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    found = [
        first_outstanding(home.custody, connector(name).STREAMS, days, clock=clock, zone=home.config.zone)
        for name in home.config.sources
    ]
    return min((day for day in found if day is not None), default=None)


def days_needed(home: Home, period: Period) -> tuple[date, date]:
    """First and last local day to collect for a period.

    The day before it gives the snapshots that it begins with; the days after it, up to the freeze, what came late and
    what was due after its end.
    """
    late = timedelta(hours=home.config.late_hours)
    return period.first - timedelta(days=1), period.end_day + late - timedelta(days=1)
