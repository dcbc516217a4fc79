"""What the verbs share: the clock, and the home that `--config` names."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from warehouse.home import Home


def now() -> datetime:
    """The present instant, UTC: the only clock that the command line reads."""
    return datetime.now(UTC)


def add_home_arguments(parser: argparse.ArgumentParser) -> None:
    """`--config`, as every verb that needs a home takes it."""
    parser.add_argument(
        "--config", type=Path, default=None, help="configuration (default: ./evidence.yaml, else the demo's)"
    )


def open_home(args: argparse.Namespace) -> Home:
    """The home of `args.config`; `ConfigError` with every finding if it cannot be used."""
    from warehouse.open import open_home as opened  # noqa: PLC0415 - keeps `--help` quick

    return opened(args.config, now=now())
