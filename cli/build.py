"""`evidence build`: captures to tables; `--rebuild` from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.home import add_home_arguments, open_home

if TYPE_CHECKING:
    import argparse

HELP = "turn captures into tables; --rebuild makes them all anew from the locker"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to build."""
    add_home_arguments(parser)
    parser.add_argument(
        "--rebuild", action="store_true", help="make every table of records anew; kept metrics and verdicts stay"
    )


def run(args: argparse.Namespace) -> int:
    """Build, and print what became of the records."""
    from warehouse.published import forget  # noqa: PLC0415 - keeps `--help` quick

    home = open_home(args)
    if args.rebuild:
        home.custody.receipts()  # a locker that cannot be read is told before anything is dropped
        forget(home.lake)
    counts = home.builder().build(progress=lambda stream: print(f"building {stream}", flush=True))
    if not counts:
        print("Every receipt is built: nothing to do.")
        return 0
    print(f"{'stream':<36} {'received':>10} {'stored':>9} {'duplicate':>10} {'conflict':>9} {'quarantined':>12}")
    for stream, n in counts.items():
        print(f"{stream:<36} {n.received:>10,} {n.stored:>9,} {n.duplicate:>10,} {n.conflict:>9,} {n.quarantined:>12,}")
    return 0
