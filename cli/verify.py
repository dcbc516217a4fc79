"""`evidence verify`: the offline verifier, as `python -m evidence.verify` runs it, and with it `--reperform`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from evidence.verify.report import Report
    from evidence.verify.trust import Trust

HELP = "check a pack offline: signature, manifest, files, log; says what it does not prove"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verifier reads its own arguments; `evidence verify --help` shows them."""
    from evidence.verify.__main__ import add_arguments  # noqa: PLC0415

    add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Verify, and re-perform if that is asked for."""
    from evidence.verify.__main__ import run as verify  # noqa: PLC0415

    def reperformed(report: Report, trust: Trust | None, now: datetime) -> Report:
        from evidence.verify.pack import signed_contents  # noqa: PLC0415
        from reports.reperform import reperform  # noqa: PLC0415
        from warehouse.open import open_captures  # noqa: PLC0415

        with TemporaryDirectory(prefix="reperform-") as folder:
            captures = open_captures(args.captures, cache=Path(folder) / "cache")
            return reperform(report, signed_contents(args.pack, trust, now), captures, folder=Path(folder))

    return verify(args, reperformed)
