"""What the verbs share: the clock, the home that `--config` names, the period that is meant, what a ledger lacks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from evidence.periods import Period
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


def period_of(home: Home, named: str | None) -> Period:
    """The period that was named, or the last full quarter of the company."""
    from evidence.periods import last_quarter  # noqa: PLC0415 - keeps `--help` quick

    config = home.config
    if named:
        return config.period(named)
    return last_quarter(now().date(), zone=config.zone, fiscal_start=config.fiscal_year_starts)


def tell(problems: Iterable[str]) -> int:
    """Print what could not be published as configured; the exit code: 1 if there was anything."""
    found = list(problems)
    for problem in found:
        print(f"PROBLEM {problem}")
    return 1 if found else 0
