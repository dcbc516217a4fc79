"""`evidence status`: per stream what is fresh, missing, late, quarantined and new; the store and the ledger."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING, Any

from cli.columns import columns
from cli.home import add_home_arguments, now, open_home

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from warehouse.status import Status, StreamStatus

HELP = "freshness, gaps, late arrivals, quarantine and drift of every stream; the store and the ledger"
_COLUMNS = (
    "stream", "state", "last window ended", "waiting h", "allowed h", "gaps", "holes", "late", "latest h",
    "quarantined", "conflicts", "drift", "unread",
)  # fmt: skip
_LISTED = 5  # of each kind, below the table


def arguments(parser: argparse.ArgumentParser) -> None:
    """The form of the answer."""
    add_home_arguments(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one object, with every gap and every new field")
    form.add_argument("--csv", action="store_true", help="print one line per stream as CSV")


def run(args: argparse.Namespace) -> int:
    """Print the state; 0 whatever it is."""
    from warehouse.status import status  # noqa: PLC0415 - keeps `--help` quick

    home = open_home(args)
    found = status(home, now=now(), progress=lambda stream: print(f"looking at {stream}", file=sys.stderr))
    controls = _controls()
    if args.json:
        told = found.as_json()
        for stream in told["streams"]:
            stream["controls"] = controls.get(stream["stream"], [])
        print(json.dumps(told, indent=1, ensure_ascii=False))
    elif args.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([[name.replace(" ", "_") for name in _COLUMNS], *map(_cells, found.streams)])
    else:
        _print(found, controls)
    return 0


def _controls() -> dict[str, list[str]]:
    """Stream -> the controls that rest on it."""
    from controls.definitions import streams_of_controls  # noqa: PLC0415 - keeps `--help` quick

    found: dict[str, set[str]] = {}
    for name, streams in streams_of_controls().items():
        for stream in streams:
            found.setdefault(stream, set()).add(name)
    return {stream: sorted(names) for stream, names in found.items()}


def _cells(stream: StreamStatus) -> list[Any]:
    told = stream.as_json()
    ended = told["window_end"] or (f"({told['asked_at']})" if told["asked_at"] else "")
    counts = [len(told[name]) for name in ("gaps", "holes")]
    return [
        told["stream"], told["state"], ended, told["waiting_hours"], told["allowance_hours"], *counts, told["late"],
        told["latest_hours"], told["quarantined"], told["conflicts"], len(told["drift"]), len(told["unread_fields"]),
    ]  # fmt: skip


def _print(found: Status, controls: Mapping[str, list[str]]) -> None:
    rows = [list(_COLUMNS), *([_text(cell) for cell in _cells(stream)] for stream in found.streams)]
    print(f"As of {found.as_json()['as_of']}")
    print("\n".join(columns(rows, words=3)))
    for stream in found.streams:
        _details(stream.as_json(), controls.get(stream.fresh.stream, []))
    for name, held in (("Store", found.store), ("Ledger", found.ledger)):
        print(f"{name}: " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in held.items()))


def _details(told: Mapping[str, Any], controls: list[str]) -> None:
    """What the table only counts: the first few of each kind, and which controls rest on what is missing."""
    lines = [_gap(gap) for gap in told["gap_records"]]
    if told["state"] == "stale":
        lines.append(f"the next window has been waiting for {told['waiting_hours']} hours")
    shown = [*lines[:_LISTED], *([f"… {len(lines) - _LISTED} more; --json shows them"] if len(lines) > _LISTED else [])]
    if lines and controls:
        shown.append(f"controls that rest on it: {', '.join(controls)}")
    if told["quarantined"]:
        shown.append(f"{told['quarantined']} quarantined, the last one: {told['quarantine_reason']}")
    shown += [
        f"new {d['kind']} {d['name']} since {d['first_seen']}, in {d['capture'][:12]}:{d['record']}"
        for d in told["drift"][:_LISTED]
    ]
    for line in shown:
        print(f"  {told['stream']}: {line}")


def _gap(gap: Mapping[str, Any]) -> str:
    """One gap in words: what, since when, why, until when it can be had, and who else may tell it."""
    words = f"gap {gap['start']} to {gap['end']}, {gap['state']}: {gap['cause']}"
    if gap["lost_after"]:
        words += f"; the source keeps it until {gap['lost_after']}"
    if gap["second_source"]:
        received = "was received whole" if gap["second_source_whole"] else "may have it"
        words += f"; {gap['second_source']} {received}"
    return words


def _text(cell: Any) -> str:
    return "" if cell in (0, None) else str(cell)
