"""`evidence attest`: read a period's evidence again, and keep what was found as evidence for EVD-02."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cli.home import add_home_arguments, now, open_home, period_of

if TYPE_CHECKING:
    import argparse

HELP = "read a period's evidence and the ledger again, and keep for EVD-02 whether all is as it was received"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which period."""
    add_home_arguments(parser)
    parser.add_argument(
        "--period", help="2025Q4, 2025-11, 2025-W47, 2025-11-12 or FROM..TO (default: last full quarter)"
    )


def run(args: argparse.Namespace) -> int:
    """Attest; 1 if a batch is not as it was received and logged."""
    from warehouse.attesting import STREAM, attest  # noqa: PLC0415 - keeps `--help` quick
    from warehouse.importing import take_files  # noqa: PLC0415

    home, at = open_home(args), now()
    period = period_of(home, args.period)
    found = list(attest(home, period))
    with TemporaryDirectory(prefix="attest-") as folder:
        path = Path(folder) / "manifests.jsonl"
        path.write_text("".join(f"{json.dumps(record)}\n" for record in found), encoding="utf-8")
        name = f"attest {period.name} {at:%Y-%m-%dT%H:%M:%SZ}"
        take_files(home.custody, home.builder(), STREAM, [(path, name)], now=at, log=home.log)
    bad = [record for record in found if not (record["intact"] and record["included"] and record["consistent"])]
    for record in bad:
        print(f"  {record['stream']} {record['sha256']}: {record.get('problem') or _why(record)}")
    print(f"{period.name}: {len(found):,} batches read again, {len(bad):,} not as they were received and logged")
    return 1 if bad else 0


def _why(record: dict[str, object]) -> str:
    if not record["consistent"]:
        return "the ledger does not follow from its statements"
    return "not in the ledger" if record["leaf"] is None else "no checkpoint covers it"
