"""`evidence scenario`: run scenario folders through import, build and test in throwaway homes, and compare."""

from __future__ import annotations

import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from controls.scenario import Outcome

HELP = "run scenario folders in a throwaway home and compare with what they expect"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which folders, and how to compare."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a scenario folder, or a folder of them")
    parser.add_argument("--base", type=Path, help="the surroundings (default: `base` beside the folders' parent)")
    parser.add_argument("--controls", help="compare only these ids, with commas between")
    parser.add_argument("--jobs", type=int, default=2, help="folders at once (default: 2)")
    parser.add_argument("--json", action="store_true", help="print one array, an object per folder")


def run(args: argparse.Namespace) -> int:
    """Run them; 0 if every folder passed, else 1."""
    folders = list(_folders(args.paths))
    controls = args.controls.split(",") if args.controls else None
    outcomes = []
    for outcome in _outcomes(folders, args.base, controls, max(1, args.jobs)):
        outcomes.append(outcome)
        if not args.json:
            _print(outcome)
    if args.json:
        json.dump([outcome.as_json() for outcome in outcomes], sys.stdout, indent=1)
        print()
    else:
        passed = sum(outcome.passed for outcome in outcomes)
        print(f"{passed} of {len(outcomes)} scenarios passed")
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _folders(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if (path / "expected.json").is_file():
            yield path.resolve()
            continue
        found = sorted(item.parent.resolve() for item in path.glob("*/expected.json"))
        if not found:
            raise ConfigError(
                f"{path} is no scenario folder and holds none",
                next_step="Name a folder with expected.json and records/<alias>.jsonl, or a folder of such folders.",
            )
        yield from found


def _outcomes(
    folders: Sequence[Path], base: Path | None, controls: Sequence[str] | None, jobs: int
) -> Iterator[Outcome]:
    from controls.scenario import run as run_one  # noqa: PLC0415 - keeps `--help` quick

    bases = [base or folder.parent.parent / "base" for folder in folders]
    one = partial(run_one, controls=controls)
    if jobs == 1 or len(folders) == 1:
        yield from map(one, folders, bases)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(one, folders, bases)


def _print(outcome: Outcome) -> None:
    print(f"{outcome.id}: {'passed' if outcome.passed else 'FAILED'} ({len(outcome.expected)} expected verdicts)")
    for expected, actual in outcome.differences:
        what = f"{expected['control']}.{expected['attribute']} {expected['item']}"
        print(f"  {what}: expected {expected['verdict']}, found {actual['verdict']}: {actual['reason']}")
    for row in outcome.unexpected:
        what = f"{row['control']}.{row['attribute']} {row['item']}"
        print(f"  not expected: {what} {row['verdict']}: {row.get('reason', '')}")
    if outcome.not_built:
        print(f"  not in the catalogue: {', '.join(outcome.not_built)}")
