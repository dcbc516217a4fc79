"""`evidence hold`: legal holds, placed and released by named persons for stated reasons; nothing here deletes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cli.home import add_home_arguments, now, open_home

if TYPE_CHECKING:
    import argparse

    from warehouse.holds import Held

HELP = "place, list and release legal holds on what was received"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with which hold."""
    add_home_arguments(parser)
    parser.add_argument("action", choices=("list", "place", "release"))
    parser.add_argument("name", nargs="?", help="what the hold is called, such as LIT-2026-1")
    parser.add_argument("--stream", help="only what this stream brought (default: every stream)")
    parser.add_argument("--period", help="only windows that touch this period (default: all time)")
    parser.add_argument("--by", default="", help="the person who orders it")
    parser.add_argument("--reason", default="", help="why")
    parser.add_argument("--json", action="store_true", help="list as one JSON array")


def run(args: argparse.Namespace) -> int:
    """Do it, and publish a checkpoint of what was stated."""
    from warehouse import holds  # noqa: PLC0415 - keeps `--help` quick
    from warehouse.checkpoints import checkpoint  # noqa: PLC0415
    from warehouse.open import code_identity  # noqa: PLC0415

    home, moment = open_home(args), now()
    if args.action == "list":
        found = list(holds.holds(home).values())
        print(json.dumps([_json(held) for held in found], indent=1) if args.json else _table(found))
        return 0
    said = {"by": args.by, "reason": args.reason, "code": code_identity(), "now": moment}
    if args.action == "place":
        period = home.config.period(args.period) if args.period else None
        held = holds.place(home, args.name or "", stream=args.stream, period=period, **said)
    else:
        held = holds.release(home, args.name or "", **said)
    checkpoint(home, now=moment)
    print(_line(held))
    return 0


def _table(found: list[Held]) -> str:
    return "\n".join(map(_line, found)) if found else "No hold was ever placed."


def _line(held: Held) -> str:
    state = "in force" if held.in_force else "released"
    until = f"{held.start:%Y-%m-%d %H:%MZ} to {held.end:%Y-%m-%d %H:%MZ}" if held.start and held.end else "all time"
    scope = f"{held.stream or 'every stream'}, {until}"
    return f"{held.name}: {state} since {held.at}, {held.objects:,} objects of {scope}; {held.by}: {held.reason}"


def _json(held: Held) -> dict[str, object]:
    return {
        "hold": held.name, "in_force": held.in_force, "at": held.at, "by": held.by, "reason": held.reason,
        "stream": held.stream, "from": held.start.isoformat() if held.start else None,
        "to": held.end.isoformat() if held.end else None, "objects": held.objects,
    }  # fmt: skip
