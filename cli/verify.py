"""`evidence verify`: the offline verifier, as `python -m evidence.verify` runs it too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

HELP = "check a pack offline: signature, manifest, files, log; says what it does not prove"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verifier reads its own arguments; `evidence verify --help` shows them."""
    from evidence.verify.__main__ import add_arguments  # noqa: PLC0415

    add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Verify."""
    from evidence.verify.__main__ import run as verify  # noqa: PLC0415

    return verify(args)
