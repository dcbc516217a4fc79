"""Open the home that the command line names. With `main`, the only place that reads environment and clock."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.config import load_config
from warehouse.home import Home

if TYPE_CHECKING:
    import argparse

ROOT = Path(__file__).resolve().parent.parent


def now() -> datetime:
    """The present instant, UTC: the only clock that the command line reads."""
    return datetime.now(UTC)


def add_home_arguments(parser: argparse.ArgumentParser) -> None:
    """`--config`, as every verb that needs a home takes it."""
    parser.add_argument(
        "--config", type=Path, default=Path("evidence.yaml"), help="configuration (default: ./evidence.yaml)"
    )


def open_home(args: argparse.Namespace) -> Home:
    """The home of `args.config`; `ConfigError` with every finding if it cannot be used."""
    config = load_config(args.config)
    years = config.store.retention_years
    retain_until = now().replace(year=now().year + years + 1, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    return Home(config, dict(os.environ), collector(), retain_until if years else None)


@cache
def collector() -> dict[str, str]:
    """Who collects: product, version and the commit of the code, with `+changes` if the tree is not clean."""
    try:
        release = version("delivery-evidence")
    except PackageNotFoundError:
        release = "source"
    return {"name": "delivery-evidence", "version": release, "commit": _commit()}


def _commit() -> str:
    if not (ROOT / ".git").exists():
        return "unknown: not run from a checkout"
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S603
    dirty = subprocess.run(  # noqa: S603
        [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=False
    )
    return head.stdout.strip() + ("+changes" if dirty.stdout.strip() else "")
