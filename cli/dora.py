"""`evidence dora`: the DORA metrics of the warehouse, or of a folder of facts that anybody wrote down."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    import duckdb

    from reports.dora.metrics import Metrics

HELP = "the DORA metrics: values with their count, interval and status, per service and period"
HEADLINES = {"count", "rate", "median", "median_per_week", "open_count"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("--facts", type=Path, metavar="DIR", help="compute from the CSV files of this folder")
    parser.add_argument("--from", dest="start", type=_date, required=True, metavar="DATE", help="first local date")
    parser.add_argument("--to", dest="end", type=_date, required=True, metavar="DATE", help="local date after the last")
    parser.add_argument("--as-of", type=_instant, metavar="INSTANT", help="what is later is not known; default: now")
    parser.add_argument("--timezone", default="UTC", metavar="ZONE", help="IANA zone of days and weeks; default: UTC")
    parser.add_argument(
        "--grain", action="append", metavar="GRAIN", help="only this grain (window, week, …); repeatable"
    )
    parser.add_argument("--metric", action="append", metavar="METRIC", help="only this metric; repeatable")
    parser.add_argument("--json", action="store_true", help="print one array, an object per statistic")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the same rows to FILE")


def run(args: argparse.Namespace) -> int:
    """Compute, and print or write the rows.

    Raises:
        ConfigError: facts that break their contract, an unknown grain, metric or zone, an empty window.
    """
    import duckdb  # noqa: PLC0415 - heavy, and --help should be quick

    from reports.dora.definitions import BY_NAME  # noqa: PLC0415 - as above
    from reports.dora.facts import load_folder  # noqa: PLC0415
    from reports.dora.metrics import compute  # noqa: PLC0415
    from reports.dora.parameters import GRAINS, Parameters  # noqa: PLC0415

    _known("grain", args.grain, GRAINS)
    _known("metric", args.metric, BY_NAME)
    with duckdb.connect() as con:
        if args.facts:
            load_folder(con, args.facts)
        else:
            _facts_from_home(args, con)
        metrics = compute(
            con,
            start=args.start,
            end=args.end,
            as_of=args.as_of or datetime.now(UTC),
            zone=args.timezone,
            parameters=Parameters(),
        )
    rows = [
        row for row in metrics.to_rows() if _wanted(row, "grain", args.grain) and _wanted(row, "metric", args.metric)
    ]
    if args.csv:
        _write_csv(args.csv, rows)
    if args.json:
        print("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")
    elif not args.csv:
        _print_table(rows, metrics)
    return 0


def _facts_from_home(args: argparse.Namespace, con: duckdb.DuckDBPyConnection) -> None:
    """Provide the relations of `reports.dora.facts` in `con` from the warehouse of the configured home."""
    del args, con
    raise ConfigError(
        "the metrics were asked from the warehouse, which does not provide the facts yet",
        next_step="give --facts DIR with the CSV files that reports/dora/facts.py describes",
    )


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant


def _known(what: str, asked: Iterable[str] | None, valid: Iterable[str]) -> None:
    for name in asked or ():
        if name not in valid:
            raise ConfigError(f"--{what} {name} is unknown", next_step=f"choose from {', '.join(valid)}")


def _wanted(row: dict[str, Any], column: str, chosen: list[str] | None) -> bool:
    return not chosen or row[column] in chosen


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["metric"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _print_table(rows: list[dict[str, Any]], metrics: Metrics) -> None:
    """The headlines of the window, or of the grains asked for, then the guards that do not hold."""
    grains = {row["grain"] for row in rows}
    shown = [r for r in rows if r["statistic"] in HEADLINES and (r["grain"] == "window" or "window" not in grains)]
    cells = [("METRIC", "SERVICE", "PERIOD", "STATISTIC", "VALUE", "UNIT", "N", "STATUS")]
    for row in shown:
        value = "withheld" if row["metric"] in metrics.withheld else _number(row["value"])
        period = f"{row['grain']} {row['period_start']}"
        cells.append(
            (
                row["metric"],
                row["service"],
                period,
                row["statistic"],
                value,
                row["unit"],
                _number(row["n"]),
                row["status"],
            )
        )
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    for line in cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    for guard in metrics.guards:
        if not guard.ok:
            print(f"guard {guard.guard}: found {_number(guard.value)}, limit {_number(guard.limit)}")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}".rstrip("0").rstrip(".")
