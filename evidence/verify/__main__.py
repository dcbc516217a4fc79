"""The verifier's command line: `python -m evidence.verify PACK.pdf --trust FILE`.

Exit codes: 0 no check failed, 1 a check failed, 2 wrong usage (a file is absent, the trust file is malformed).
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.verify.errors import UsageError
from evidence.verify.formats.errors import FormatError
from evidence.verify.trust import parse_trust

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evidence.verify.report import Report
    from evidence.verify.trust import Trust


def main(argv: Sequence[str] | None = None) -> int:
    """Verify the pack that `argv` names, print the report, and return the exit code."""
    parser = argparse.ArgumentParser(prog="evidence verify", description="Verify an evidence pack, offline.")
    add_arguments(parser)
    return run(parser.parse_args(argv))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verifier's arguments, for whichever command line calls it."""
    parser.add_argument("pack", type=Path, metavar="PACK.pdf", help="the pack; NAME.d/ is looked for beside it")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="the trust file, got apart from the pack")
    parser.add_argument("--previous", type=Path, metavar="PACK", help="the last pack, whose log this one continues")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint of the log that you hold")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--reperform", action="store_true", help="rebuild the tables from --captures and ask every control again"
    )
    parser.add_argument("--captures", metavar="PLACE", help="for --reperform: a locker, a home or the URL of a store")


def run(
    arguments: argparse.Namespace, reperform: Callable[[Report, Trust | None, datetime], Report] | None = None
) -> int:
    """Verify, print, and return the exit code.

    Args:
        arguments: as `add_arguments` describes them.
        reperform: adds what re-performing found to a report; the verifier alone has neither tables nor controls.
    """
    from evidence.verify.pack import verify_pack  # noqa: PLC0415 - the arguments alone need none of it

    try:
        _check_usage(arguments, able=reperform is not None)
        now, trust = datetime.now(UTC), _trust(arguments.trust)
        report = verify_pack(
            arguments.pack, trust=trust, previous=arguments.previous, checkpoint=arguments.checkpoint, now=now
        )
        if arguments.reperform and reperform is not None:
            report = reperform(report, trust, now)
    except UsageError as error:
        sys.stderr.write(f"evidence verify: {error}\n")
        return 2
    sys.stdout.write(report.to_json() if arguments.json else report.to_text())
    return 0 if report.ok else 1


def _check_usage(arguments: argparse.Namespace, *, able: bool) -> None:
    if arguments.reperform and not able:
        raise UsageError(
            "the stand-alone verifier has neither tables nor controls; re-perform with the full installation:"
            " `evidence verify PACK.pdf --reperform --captures PLACE`"
        )
    if arguments.reperform != (arguments.captures is not None):
        raise UsageError("--reperform and --captures go together: the place says what to rebuild the tables from")


def _trust(path: Path | None) -> Trust | None:
    if path is None:
        return None
    try:
        return parse_trust(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read the trust file {path}: {error.strerror}") from error
    except FormatError as error:
        raise UsageError(f"{path} is no trust file: {error}") from error


if __name__ == "__main__":
    raise SystemExit(main())
