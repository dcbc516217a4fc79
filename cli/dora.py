"""`evidence dora`: the DORA metrics of the warehouse, or of a folder of facts that anybody wrote down."""

from __future__ import annotations

import csv
import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.columns import columns
from cli.home import add_home_arguments, now, open_home, period_of
from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from evidence.periods import Period
    from reports.dora.benchmarks import Edition
    from reports.dora.metrics import Metrics
    from warehouse.home import Home

HELP = "the DORA metrics: values with their count, interval and status, per service and period"
HEADLINES = {"count", "rate", "median", "median_per_week", "open_count"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_home_arguments(parser)
    parser.add_argument("--period", help="2026Q3, 2026-07, 2026-W28, FROM..TO (default: last full quarter)")
    parser.add_argument("--facts", type=Path, metavar="DIR", help="compute from the CSV files of this folder")
    parser.add_argument("--from", dest="start", type=_date, metavar="DATE", help="first local date")
    parser.add_argument("--to", dest="end", type=_date, metavar="DATE", help="local date after the last")
    parser.add_argument("--as-of", type=_instant, metavar="INSTANT", help="what is later is not known; default: now")
    parser.add_argument("--timezone", metavar="ZONE", help="with --facts: IANA zone of days and weeks; default: UTC")
    parser.add_argument(
        "--grain", action="append", metavar="GRAIN", help="only this grain (window, week, …); repeatable"
    )
    parser.add_argument("--metric", action="append", metavar="METRIC", help="only this metric; repeatable")
    parser.add_argument(
        "--targets", action="store_true", help="the delivery programme's targets instead of the metrics"
    )
    parser.add_argument(
        "--benchmark", metavar="EDITION", help="beside the answers of a survey's edition: 2022, 2023, 2024 or 2025"
    )
    parser.add_argument(
        "--environment", action="append", metavar="NAME", help="measure this one instead of production; repeatable"
    )
    parser.add_argument("--json", action="store_true", help="print one array, an object per statistic")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the same rows to FILE")


def run(args: argparse.Namespace) -> int:
    """Compute, and print or write the rows.

    Raises:
        ConfigError: facts that break their contract, an unknown grain, metric or zone, an empty window.
    """
    from reports.dora.definitions import BY_NAME  # noqa: PLC0415 - keeps `--help` quick
    from reports.dora.parameters import GRAINS  # noqa: PLC0415

    _known("grain", args.grain, GRAINS)
    _known("metric", args.metric, BY_NAME)
    if args.targets:
        return _targets(args)
    metrics = _of_facts(args) if args.facts else _of_home(args)
    if args.benchmark:
        return _benchmark(args, metrics)
    rows = [
        row for row in metrics.to_rows() if _wanted(row, "grain", args.grain) and _wanted(row, "metric", args.metric)
    ]
    return _say(args, rows, lambda: _print_table(rows, metrics))


def _say(
    args: argparse.Namespace,
    rows: list[dict[str, Any]],
    show: Callable[[], None],
    *,
    flat: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: row,
) -> int:
    """Give rows in the form that was asked for: a CSV file of `flat` rows, JSON, or what `show` prints."""
    if args.csv:
        _write_csv(args.csv, [flat(row) for row in rows])
    if args.json:
        print("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")
    elif not args.csv:
        show()
    return 0


def _of_facts(args: argparse.Namespace) -> Metrics:
    """The metrics of a folder of facts."""
    import duckdb  # noqa: PLC0415 - heavy, and --help should be quick

    from reports.dora.folder import load_folder  # noqa: PLC0415
    from reports.dora.metrics import compute  # noqa: PLC0415
    from reports.dora.parameters import Parameters  # noqa: PLC0415

    if args.period or args.config or not (args.start and args.end):
        raise ConfigError(
            "a folder of facts has no calendar of its own, so that --period and --config say nothing of it",
            next_step="Give --facts DIR with --from DATE and --to DATE.",
        )
    with duckdb.connect() as con:
        for row in load_folder(con, args.facts):
            print(f"{row.file}:{row.line} left out: {row.reason}", file=sys.stderr)
        return compute(
            con, start=args.start, end=args.end, as_of=args.as_of or now(), zone=args.timezone or "UTC",
            parameters=Parameters(production=tuple(args.environment or ("production",))),
        )  # fmt: skip


def _of_home(args: argparse.Namespace) -> Metrics:
    """The metrics of the configured home, from its warehouse."""
    from reports.period import measure  # noqa: PLC0415 - keeps `--help` quick

    if args.timezone:
        raise ConfigError(
            "a home is measured in its company's zone, which `zone:` in evidence.yaml sets",
            next_step="Leave --timezone out, or give --facts DIR.",
        )
    home = open_home(args)
    return measure(home, _period(args, home), now=args.as_of or now(), environments=args.environment)


def _benchmark(args: argparse.Namespace, metrics: Metrics) -> int:
    """Print or write the window's values beside an edition's answers."""
    from reports.dora.benchmarks import EDITIONS, compare  # noqa: PLC0415

    _known("benchmark", [args.benchmark], EDITIONS)
    rows = compare(metrics, EDITIONS[args.benchmark])
    return _say(args, rows, lambda: _print_benchmark(rows, EDITIONS[args.benchmark]))


def _print_benchmark(rows: list[dict[str, Any]], edition: Edition) -> None:
    cells: list[tuple[str, ...]] = [
        ("METRIC", "SERVICE", "VALUE", "UNIT", "N", "STATUS", "SCORE", "INDUSTRY", "CLUSTERS")
    ]
    for row in rows:
        clusters = ", ".join(f"{name}: {centre}" for name, centre in row["clusters"].items())
        cells.append(
            (
                row["metric"], row["service"], _number(row["value"]), row["unit"], _number(row["n"]), row["status"],
                _number(row["score"]), _number(row["industry_mean"]), clusters or "-",
            )
        )  # fmt: skip
    print("\n".join(columns(cells, words=len(cells[0]))))
    print(f"edition {edition.year}: {edition.note}; clusters are centres, not thresholds")


def _targets(args: argparse.Namespace) -> int:
    """Print or write the targets of the configured home."""
    from reports.dora.targets import targets  # noqa: PLC0415 - keeps `--help` quick
    from reports.period import measure  # noqa: PLC0415

    if args.facts or args.timezone:
        raise ConfigError(
            "targets are asked of a home: a folder of facts knows neither vulnerabilities nor service levels",
            next_step="Leave --facts and --timezone out.",
        )
    home = open_home(args)
    period = _period(args, home)
    metrics = measure(home, period, now=args.as_of or now())
    with home.connection() as con:
        rows = targets(con, metrics, period)
    return _say(args, rows, lambda: _print_targets(rows), flat=lambda row: row | {"points": _points(row)})


def _points(row: dict[str, Any]) -> str:
    return ", ".join(f"{month} {_number(value)}" for month, value in row["points"])


def _print_targets(rows: list[dict[str, Any]]) -> None:
    cells: list[tuple[str, ...]] = [
        ("TARGET", "WANTED", "FOUND", "N", "STATUS", "WEEKS MET", "TREND", "BY MONTH", "EVIDENCE")
    ]
    for row in rows:
        evidence = row["evidence"] + (f" ({row['note']})" if row["note"] else "")
        cells.append(
            (
                row["target"], row["wanted"], _number(row["value"]), str(row["n"]), row["status"],
                row["weeks_met"] or "-", row["trend"] or "-", _points(row) or "-", evidence,
            )
        )  # fmt: skip
    print("\n".join(columns(cells, words=len(cells[0]))))


def _period(args: argparse.Namespace, home: Home) -> Period:
    if (args.period and (args.start or args.end)) or bool(args.start) != bool(args.end):
        raise ConfigError("the window is --period, or --from and --to together", next_step="Give one of the two.")
    if args.start:
        return home.config.period(f"{args.start}..{args.end}")
    return period_of(home, args.period)


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
    cells: list[tuple[str, ...]] = [("METRIC", "SERVICE", "PERIOD", "STATISTIC", "VALUE", "UNIT", "N", "STATUS")]
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
    print("\n".join(columns(cells, words=len(cells[0]))))
    for guard in metrics.guards:
        if not guard.ok:
            print(f"guard {guard.guard}: found {_number(guard.value)}, limit {_number(guard.limit)}")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}".rstrip("0").rstrip(".")
