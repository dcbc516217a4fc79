"""`evidence trace ID`: from a number or a verdict down to its records and their bytes."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from cli.home import add_home_arguments, open_home

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping

    from reports.trace import Source, Step, Trace
    from warehouse.home import Home

HELP = "follow a metric value or a verdict down to its records, captures and bytes"
SHOWN = 20  # facts on a terminal
_WARNING = "These are the bytes as received: they may hold secrets and personal data that no table shows."
_SAID = ("value", "unit", "n", "numerator", "denominator", "status", "verdict", "reason", "population", "event_time")
_KEPT = ("period", "version", "computed_at", "assessed_at", "definition_version", "recomputed")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to trace, and how much to print."""
    add_home_arguments(parser)
    parser.add_argument(
        "id",
        metavar="ID",
        help="'METRIC|SERVICE|GRAIN|PERIOD_START', a metric_value_id, CONTROL.ATTRIBUTE/SUBJECT or CAPTURE:RECORD",
    )
    parser.add_argument("--period", help="of several periods that hold it, this one (default: the newest)")
    parser.add_argument("--all", action="store_true", help=f"all facts, not only the first {SHOWN}")
    parser.add_argument("--bytes", action="store_true", help="print each record as received; it may hold secrets")
    parser.add_argument("--json", action="store_true", help="print one array, an object per finding")


def run(args: argparse.Namespace) -> int:
    """Trace and print; of CAPTURE:RECORD with --bytes the record alone, byte for byte."""
    from reports.trace import RECORD, texts, trace  # noqa: PLC0415 - keeps `--help` quick

    home = open_home(args)
    found = trace(home, args.id, period=args.period)
    shown = [t.steps if args.all or args.json else t.steps[:SHOWN] for t in found]
    held: Mapping[tuple[str, int], str] = {}
    if args.bytes or RECORD.fullmatch(args.id):
        held = texts(home, {source for steps in shown for source in _sources(steps)})
    if args.bytes:
        print(_WARNING, file=sys.stderr)
    if args.bytes and RECORD.fullmatch(args.id):
        sys.stdout.buffer.write(next(iter(held.values()), "").encode())
        return 0
    printed = held if args.bytes else {}
    if args.json:
        print(json.dumps([_as_json(t, printed) for t in found], indent=1, ensure_ascii=False))
        return 0
    for one, steps in zip(found, shown, strict=True):
        _print(home, one, steps, printed)
    return 0


def _sources(steps: Iterable[Step]) -> Iterable[Source]:
    for step in steps:
        yield from step.records
        yield from _sources(step.steps)


def _as_json(found: Trace, held: Mapping[tuple[str, int], str]) -> dict[str, Any]:
    told = found.as_json()
    todo = list(told["steps"])
    while held and todo:
        step = todo.pop()
        todo += step["steps"]
        for record in step["records"]:
            record["text"] = held[record["capture"], record["record"]]
    return told


def _print(home: Home, found: Trace, steps: Iterable[Step], held: Mapping[tuple[str, int], str]) -> None:
    print(found.id)
    for names in (_SAID, _KEPT):
        said = [f"{name} {found.found[name]}" for name in names if found.found.get(name) is not None]
        if said:
            print("  " + ", ".join(said))
    listed = list(steps)
    for step in listed:
        _print_step(home, step, held, indent=2)
    if len(listed) < len(found.steps):
        print(f"  … {len(found.steps) - len(listed)} more; --all shows them")


def _print_step(home: Home, step: Step, held: Mapping[tuple[str, int], str], *, indent: int) -> None:
    margin = " " * indent
    print(f"{margin}{step.relation}: {step.kind} {step.id}" + (f" ({step.note})" if step.note else ""))
    for source in step.records:
        print(f"{margin}    {source.stream} {source.capture}:{source.record}  {_place(home, source)}")
        if held:
            print(f"{margin}      {held[source.capture, source.record]}")
    for below in step.steps:
        _print_step(home, below, held, indent=indent + 4)


def _place(home: Home, source: Source) -> str:
    """The capture's file, where the store has files; else its key in the store."""
    url = home.config.store.url
    return str(home.store.local_path(source.key)) if ":" not in url or url.startswith("file:") else source.key
