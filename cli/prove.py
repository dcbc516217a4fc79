"""`evidence prove CAPTURE:RECORD`: a file by which anybody can check that this one record was received and logged."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cli.home import add_home_arguments, open_home
from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse

HELP = "prove that one record was received and logged, without showing its neighbours"
_ID = re.compile(r"([0-9a-f]{64}):([0-9]{1,12})")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which record, and where to write the proof."""
    add_home_arguments(parser)
    parser.add_argument("id", metavar="CAPTURE:RECORD", help="as `evidence trace` prints it")
    parser.add_argument("--stream", help="look among the receipts of this stream alone, which is quicker")
    parser.add_argument("--out", type=Path, default=None, metavar="FILE", help="default: standard output")


def run(args: argparse.Namespace) -> int:
    """Write the proof."""
    from warehouse.proving import prove  # noqa: PLC0415 - keeps `--help` quick

    found = _ID.fullmatch(args.id)
    if not found:
        raise ConfigError(
            f"{args.id!r} is no CAPTURE:RECORD: 64 hexadecimal digits, a colon and a number",
            next_step="`evidence trace ID` follows a number or a verdict down to its records.",
        )
    proof = prove(open_home(args), found[1], int(found[2]), stream=args.stream)
    if args.out is None:
        sys.stdout.write(proof.decode() + "\n")
        return 0
    args.out.write_bytes(proof)
    print(
        f"Wrote {args.out} ({len(proof):,} bytes). Check it with: evidence verify-proof {args.out} --trust trust.json"
    )
    return 0
