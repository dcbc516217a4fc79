"""From the source to the verdict, ended by `kill -9` and begun again: all comes out as in one undisturbed life.

`EVIDENCE_LIVES=100 pytest tests/faults/test_lives.py` ends as many lives at random instants, and one at every step.
"""

from __future__ import annotations

import os
import random
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults import lives

if TYPE_CHECKING:
    from pathlib import Path

LIVES = int(os.environ.get("EVIDENCE_LIVES", "3"))
SHORT = 10  # fewer lives than this are a sample: as many steps are tried


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int, float]:
    """What an undisturbed life leaves, its steps and its length."""
    folder = tmp_path_factory.mktemp("whole") / "home"
    steps, seconds = lives.steps_of_a_life(folder)
    found = lives.look(folder)
    assert found["verdicts"]
    assert [row for row in found["github_audit_log"] if "late" in row]
    return found, steps, seconds


def check(folder: Path, expected: dict[str, Any], what: str, *, judge: bool = True) -> None:
    """Live to the end, compare, forget."""
    assert lives._child(lambda: lives.live(folder), None)
    found = lives.look(folder, judge=judge)
    assert found.keys() == expected.keys() - (set() if judge else {"verdicts", "conclusion"})
    for name, value in found.items():
        assert value == expected[name], f"{name} after {what}"
    shutil.rmtree(folder)


@pytest.mark.slow
def test_a_life_that_ends_at_a_step_is_made_up_for(tmp_path: Path, whole: tuple[dict[str, Any], int, float]) -> None:
    """Before and after each put, append and commit: locker, ledger, tables, counts and verdicts are the same."""
    expected, steps, _ = whole
    every = max(1, steps // LIVES) if LIVES < SHORT else max(1, 2 * steps // LIVES)
    for step in range(every // 2 + 1, steps + 1, every):
        folder = tmp_path / f"step-{step}"
        assert not lives.end_at_step(folder, step)
        check(folder, expected, f"step {step}", judge=step % 3 == 1)


@pytest.mark.slow
def test_a_life_that_ends_at_any_instant_is_made_up_for(
    tmp_path: Path, whole: tuple[dict[str, Any], int, float]
) -> None:
    """The same at random instants, every third life ended twice."""
    expected, _, seconds = whole
    chance = random.Random(20240201)
    for number in range(LIVES):
        folder = tmp_path / f"life-{number}"
        moments = [chance.uniform(0, seconds) for _ in range(2 if number % 3 == 0 else 1)]
        for moment in moments:
            lives.end_after(folder, moment)
        check(folder, expected, f"{moments} seconds", judge=number % 10 == 0)


@pytest.mark.slow
def test_two_lives_at_once_are_one(tmp_path: Path, whole: tuple[dict[str, Any], int, float]) -> None:
    """Two collections of the same windows at the same time: no capture is lost or stored twice, no row doubled."""
    expected, _, _ = whole
    folder = tmp_path / "both"
    lives.home(folder)
    other = os.fork()
    if other == 0:
        lives.live(folder, build=False)
        os._exit(0)
    lives.live(folder, build=False)
    assert os.waitpid(other, 0)[1] == 0
    check(folder, expected, "two at once")
