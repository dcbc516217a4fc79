"""`evidence sql QUERY`: ask the warehouse, read-only."""

from __future__ import annotations

import csv
import json
import os
import pwd
import sys
from typing import TYPE_CHECKING

from cli.home import add_home_arguments, now, open_home

if TYPE_CHECKING:
    import argparse

    import duckdb

    from warehouse.sql import Answer

HELP = "ask the warehouse one SELECT; nothing can be changed, and every query is recorded"
_WIDEST = 40  # characters of a cell on a terminal


def arguments(parser: argparse.ArgumentParser) -> None:
    """The query and the form of its answer."""
    add_home_arguments(parser)
    parser.add_argument("query", metavar="QUERY", help="one SELECT; docs/data-dictionary.md describes the tables")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one array of objects")
    form.add_argument("--csv", action="store_true", help="print CSV with a header")


def run(args: argparse.Namespace) -> int:
    """Ask and print."""
    from controls import scope  # noqa: PLC0415 - keeps `--help` quick
    from warehouse.open import code_identity  # noqa: PLC0415
    from warehouse.sql import ROWS, ask  # noqa: PLC0415

    home = open_home(args)

    def prepare(con: duckdb.DuckDBPyConnection) -> None:
        scope.prepare(con, home.config.scope, zone=home.config.zone, materialise=False)

    answer = ask(home, args.query, by=_user(), code=code_identity(), now=now(), prepare=prepare)
    if args.json:
        print(json.dumps([dict(zip(answer.columns, row, strict=True)) for row in answer.rows], default=str, indent=1))
    elif args.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(answer.columns)
        writer.writerows(answer.rows)
    else:
        _table(answer)
    if answer.more:
        print(f"Only the first {ROWS:,} rows are shown; add a LIMIT or ask for less.", file=sys.stderr)
    return 0


def _user() -> str:
    """Who asks, as the operating system knows it: an environment variable could say anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _table(answer: Answer) -> None:
    cells = [[_cell(value) for value in row] for row in answer.rows]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(answer.columns)]
    for row in ([*answer.columns], ["-" * width for width in widths], *cells):
        print("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip())
    print(f"({len(cells):,} row{'' if len(cells) == 1 else 's'})")


def _cell(value: object) -> str:
    text = "" if value is None else str(value).replace("\n", " ")
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
