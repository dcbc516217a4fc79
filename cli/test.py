"""`evidence test`: verdicts and conclusions of controls over a period."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from cli.columns import columns
from cli.home import add_home_arguments, now, open_home, period_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from controls.results import ControlResult
    from warehouse.home import Home

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
    from controls.results import EXCEPTION  # noqa: PLC0415 - keeps `--help` quick

    results = tested(open_home(args), args.control, args.period)
    if args.json:
        json.dump([result.as_json() for result in results], sys.stdout, indent=1)
        print()
    else:
        _print(results)
    return 1 if any(result.of(EXCEPTION) for result in results) else 0


def tested(home: Home, controls: Sequence[str] | None, named: str | None) -> list[ControlResult]:
    """The results of `controls`, or all, over the period that is named, or the last full quarter."""
    from controls.definitions import catalogue, control  # noqa: PLC0415 - keeps `--help` quick
    from reports.period import ask  # noqa: PLC0415

    wanted = [control(name) for name in controls] if controls else list(catalogue().values())
    period = period_of(home, named)
    with home.connection() as con:
        return ask(home, con, wanted, period, now=now())


def _print(results: Sequence[ControlResult]) -> None:
    from controls.results import EXCEPTION, INDETERMINATE, VERDICTS  # noqa: PLC0415 - keeps `--help` quick

    rows = [("Control", "Conclusion", *(verdict.replace("_", " ").lower() for verdict in VERDICTS))]
    for result in results:
        counts = [sum(held[verdict] for held in result.counts.values()) for verdict in VERDICTS]
        rows.append((result.control.id, result.conclusion, *map(str, counts)))
    print("\n".join(columns(rows, words=2)))
    for result in results:
        print(f"\n{result.control.id} {result.control.sheet.title}: {result.conclusion}, {result.why}")
        for found in result.of(EXCEPTION):
            print(f"  EXCEPTION {result.control.id}.{found.attribute} {found.subject}: {found.reason}")
        unknown = sum(found.verdict == INDETERMINATE for found in result.verdicts)
        if unknown:
            print(f"  {unknown} answers lack evidence; `evidence test --json` names each")
