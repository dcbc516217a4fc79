"""`evidence collect`: ask the configured sources for the days of a period."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.home import add_home_arguments, now, open_home
from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse

HELP = "ask the configured sources for a day or a period, and keep what they say"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to collect."""
    add_home_arguments(parser)
    parser.add_argument("--period", required=True, help="2025Q4, 2025-11, 2025-W47, 2025-11-12 or FROM..TO")
    parser.add_argument("--source", action="append", help="only this system; may be repeated")


def run(args: argparse.Namespace) -> int:
    """Collect; what one system could not give does not hold up the others."""
    from cli.progress import Progress  # noqa: PLC0415 - keeps `--help` quick
    from evidence.collecting import Collected, clock_of  # noqa: PLC0415

    home = open_home(args)
    period = home.config.period(args.period)
    chosen = args.source or list(home.config.sources)
    if not chosen:
        raise ConfigError("no source is configured", next_step="Name your systems under `sources:` in evidence.yaml.")
    if unknown := set(chosen) - set(home.config.sources):
        raise ConfigError(f"sources {sorted(unknown)} are not configured; configured are {sorted(home.config.sources)}")
    home.store.check_writable()
    clock = clock_of(home.config, now=now())
    everything = Collected()
    for system in chosen:
        with Progress(f"collect {system}", total=sum(1 for _ in period.days())) as progress:
            done = home.collect(system, period.days(), clock=clock, progress=lambda day: progress.step(str(day)))
        everything.receipts += done.receipts
        everything.failures += done.failures
        print(f"{system}: {len(done.receipts)} collections, {sum(r.body['captures'] for r in done.receipts)} captures")
    everything.raise_failures()
    return 0
