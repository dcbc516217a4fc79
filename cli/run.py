"""`evidence run`: everything that is due for a day or a period, by the same jobs that the schedules run."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from cli.home import add_home_arguments, now, open_home
from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from datetime import date
    from pathlib import Path

    from evidence.periods import Period
    from warehouse.home import Home

HELP = "collect, build, test, measure and publish: everything that is due for a day or a period"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to run."""
    add_home_arguments(parser)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--date", help="one day, such as 2026-07-01 (default: yesterday)")
    chosen.add_argument("--period", help="2026Q3, 2026-07, … ; a quarter is also tested and published")


def run(args: argparse.Namespace) -> int:
    """Run the jobs."""
    home = open_home(args)
    yesterday = (now() - timedelta(days=1)).date().isoformat()
    period = home.config.period(args.period or args.date or yesterday)
    run_period(home, period)
    return 0


def run_period(home: Home, period: Period) -> Path | None:
    """Run the day job over the period's days, and for a quarter the quarter job; the newest pack, if it is one."""
    from assets.running import instance, run_days, run_quarter  # noqa: PLC0415 - takes seconds to load

    if not home.config.sources:
        raise ConfigError("no source is configured", next_step="Name your systems under `sources:` in evidence.yaml.")
    home.store.check_writable()
    config = home.config.root / home.config.file_name
    quarter = "Q" in period.name
    with instance(home.path) as opened:
        started = time.monotonic()
        first, last = days_needed(home, period) if quarter else (period.first, period.end_day - timedelta(days=1))
        due = _first_due(home, first, last)
        if due is None:
            print(f"Everything from {first} to {last} is held: nothing to collect")
            # An earlier run may have ended between a receipt and its ledger leaf, or its rows.
            home.custody.publish(home.log, home.custody.receipts())
            home.builder().build()
        else:
            print(f"Collecting and building {period.name}: {due} to {last}")
            run_days(opened, config, home.config.sources, due, last, now=now())
            print(f"  done in {time.monotonic() - started:.0f} s")
        if not quarter:
            return None
        started = time.monotonic()
        print(f"Testing controls, computing metrics, publishing the pack of {period.name}")
        run_quarter(opened, config, period, now=now())
        print(f"  done in {time.monotonic() - started:.0f} s")
    packs = sorted((home.path / "packs").glob(f"SOX-{period.name}-v*.pdf"), key=lambda p: p.stat().st_mtime)
    return packs[-1] if packs else None


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
