"""`evidence checkpoint`: sign the ledger as it is, have it witnessed, timestamped and copied; or say how it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cli.home import add_home_arguments, now, open_home

if TYPE_CHECKING:
    import argparse

    from evidence.ledger.anchoring import Standing

HELP = "sign the ledger, have it witnessed, timestamped and copied; --check only says how it stands"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to sign, and how to answer."""
    add_home_arguments(parser)
    parser.add_argument("--check", action="store_true", help="sign nothing and ask nobody: say how the ledger stands")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Sign or check; 1 if anything is not as the configuration promises."""
    from warehouse.checkpoints import checkpoint, standing_of  # noqa: PLC0415 - keeps `--help` quick
    from warehouse.keyring import introduce  # noqa: PLC0415
    from warehouse.open import code_identity  # noqa: PLC0415

    home = open_home(args)
    if args.check:
        found = standing_of(home, now=now())
        problems = found.problems
    else:
        introduce(home, certificate=None, code=code_identity(), now=now())
        done = checkpoint(home, now=now())
        found, problems = done.standing, done.problems
    print(_json(found, problems) if args.json else _text(home.config.log_origin, found, problems))
    return 1 if problems else 0


def _text(origin: str, found: Standing, problems: tuple[str, ...]) -> str:
    witnesses = ", ".join(f"{name} at {when:%Y-%m-%d %H:%M:%SZ}" for name, when in sorted(found.witnesses.items()))
    lines = [
        f"{origin}: {found.size:,} statements, {found.covered:,} under the latest checkpoint",
        f"  cosigned    {witnesses or 'by nobody'}",
        f"  timestamp   {f'{found.timestamp:%Y-%m-%d %H:%M:%SZ}' if found.timestamp else 'none'}",
        *(f"  PROBLEM     {problem}" for problem in problems),
        *(f"  note        {remark}" for remark in found.remarks),
    ]
    return "\n".join(lines)


def _json(found: Standing, problems: tuple[str, ...]) -> str:
    value = {
        "size": found.size,
        "covered": found.covered,
        "witnesses": {name: when.isoformat() for name, when in sorted(found.witnesses.items())},
        "timestamp": found.timestamp.isoformat() if found.timestamp else None,
        "problems": list(problems),
        "remarks": list(found.remarks),
    }
    return json.dumps(value, indent=2)
