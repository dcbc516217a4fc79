"""`evidence plan`: state in the ledger what will be collected, before the period begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.home import add_home_arguments, now, open_home, tell

if TYPE_CHECKING:
    import argparse

HELP = "state in the ledger which streams will be collected in a quarter, before it begins"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which quarter."""
    add_home_arguments(parser)
    parser.add_argument("--period", help="a quarter such as 2026Q4 (default: the one that runs, and the next)")


def run(args: argparse.Namespace) -> int:
    """State it and what will judge it, and publish a checkpoint, without which nobody could tell when that was."""
    from controls.stated import state_definitions  # noqa: PLC0415 - keeps `--help` quick
    from warehouse.checkpoints import checkpoint  # noqa: PLC0415
    from warehouse.keyring import introduce  # noqa: PLC0415
    from warehouse.open import code_identity  # noqa: PLC0415
    from warehouse.planning import quarters, state_plans  # noqa: PLC0415

    home, moment = open_home(args), now()
    code = code_identity()
    introduce(home, certificate=None, code=code, now=moment)
    changed = state_definitions(home, code=code, now=moment)
    print(f"{changed} definitions, parameters or scopes stated, the others are as stated before")
    periods = [home.config.period(args.period)] if args.period else quarters(home.config, moment)
    stated = {plan.name: plan for plan in state_plans(home, periods, code=code, now=moment)}
    for period in periods:
        said = f"{len(stated[period.name].streams)} streams" if period.name in stated else "as stated before"
        late = "" if moment <= period.start else "; it has begun, so that nothing is promised of the time before now"
        print(f"{period.name} ({period.first} to {period.end_day}, not included): {said}{late}")
    problems = checkpoint(home, now=moment).problems
    return tell(problems)
