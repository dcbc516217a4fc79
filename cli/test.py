"""`evidence test`: verdicts and conclusions of controls over a period."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from cli.home import add_home_arguments, now, open_home

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from controls.results import ControlResult

HELP = "test controls: verdicts, reasons and conclusions over a period"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which controls, over which period."""
    add_home_arguments(parser)
    parser.add_argument("--control", action="append", metavar="ID", help="only this control; may be repeated")
    parser.add_argument(
        "--period", help="2025Q4, 2025-11, 2025-W47, 2025-11-12 or FROM..TO (default: last full quarter)"
    )
    parser.add_argument("--json", action="store_true", help="print one array, an object per control")


def run(args: argparse.Namespace) -> int:
    """Test; 1 if a control has an exception, else 0."""
    from controls.definitions import catalogue, control  # noqa: PLC0415 - keeps `--help` quick
    from controls.results import EXCEPTION  # noqa: PLC0415
    from evidence.periods import last_quarter  # noqa: PLC0415
    from reports.period import ask  # noqa: PLC0415

    home = open_home(args)
    config, at = home.config, now()
    wanted = [control(name) for name in args.control] if args.control else list(catalogue().values())
    period = (
        config.period(args.period)
        if args.period
        else last_quarter(at.date(), zone=config.zone, fiscal_start=config.fiscal_year_starts)
    )
    with home.connection() as con:
        results = ask(home, con, wanted, period, now=at)
    if args.json:
        json.dump([result.as_json() for result in results], sys.stdout, indent=1)
        print()
    else:
        _print(results)
    return 1 if any(result.of(EXCEPTION) for result in results) else 0


def _print(results: Sequence[ControlResult]) -> None:
    from controls.results import EXCEPTION, INDETERMINATE, VERDICTS  # noqa: PLC0415 - keeps `--help` quick

    rows = [("Control", "Conclusion", *(verdict.replace("_", " ").lower() for verdict in VERDICTS))]
    for result in results:
        counts = [sum(held[verdict] for held in result.counts.values()) for verdict in VERDICTS]
        rows.append((result.control.id, result.conclusion, *map(str, counts)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(
                cell.rjust(w) if n > 1 else cell.ljust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
        )
    for result in results:
        print(f"\n{result.control.id} {result.control.sheet.title}: {result.conclusion}, {result.why}")
        for found in result.of(EXCEPTION):
            print(f"  EXCEPTION {result.control.id}.{found.attribute} {found.subject}: {found.reason}")
        unknown = sum(found.verdict == INDETERMINATE for found in result.verdicts)
        if unknown:
            print(f"  {unknown} answers lack evidence; `evidence test --json` names each")
