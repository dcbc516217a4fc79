"""`evidence pack`: test, measure and publish the signed pack of a period."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.home import add_home_arguments, now, open_home
from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse

HELP = "publish the signed evidence pack of a period, from what is collected and built"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which period."""
    add_home_arguments(parser)
    parser.add_argument("--period", required=True, help="2025Q4, 2025-11, 2025-W47, 2025-11-12 or FROM..TO")


def run(args: argparse.Namespace) -> int:
    """Test, measure, publish; the pack that says the same already is found, not made again."""
    from reports.period import assess, measure, publish_pack  # noqa: PLC0415 - keeps `--help` quick
    from warehouse.open import code_identity  # noqa: PLC0415

    home = open_home(args)
    period = home.config.period(args.period)
    if not home.custody.receipts():
        raise ConfigError(
            f"nothing was collected yet, so there is nothing to publish about {period.name}",
            next_step="Run `evidence run`, `evidence collect` or `evidence import` first.",
        )
    moment = now()
    assess(home, period, now=moment)
    metrics = measure(home, period, now=moment)
    pack = publish_pack(home, period, metrics, code=code_identity(), now=moment)
    print(f"{pack.path}: {'published' if pack.new else 'says the same already'}")
    return 0
