"""`evidence verify-proof`: check a proof of one record offline, as `python -m evidence.verify.prove` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NAME = "verify-proof"
HELP = "check a proof of one record (`evidence prove`) offline, against the trust file"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verifier reads its own arguments."""
    from evidence.verify.prove import add_arguments  # noqa: PLC0415

    add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Verify."""
    from evidence.verify.prove import run as verify  # noqa: PLC0415

    return verify(args)
