"""Custody and `kill -9`: bytes without a receipt at worst, and the same locker after the next run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evidence.canonical import canonical
from evidence.ledger.log import Log
from evidence.stores.file import FileStore
from tests.evidence.crash_custody import ORIGIN, fill
from tests.evidence.small_locker import UNTIL, check_trust, contents, locker

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *words: str) -> list[Path]:
    """Let the script die in `folder`; the folders it leaves, in order."""
    folder.mkdir()
    script = [sys.executable, str(Path(__file__).with_name("crash_custody.py")), str(folder), *words]
    subprocess.run(script, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=1200)
    return sorted(folder.iterdir(), key=lambda path: int(path.name))


def check_recovery(folder: Path, whole: dict[str, str]) -> tuple[int, int]:
    """Look at what a death left, fill again, compare with an undisturbed locker; receipts and leaves that were left."""
    store = FileStore(folder / "locker")
    receipts, leaves = check_trust(store), 0
    kept = {canonical(receipt.body) for receipt in locker(store).receipts()}
    if store.exists("ledger/origin"):
        log = Log.open(store, folder / "log-of-a-reader", ORIGIN, retain_until=UNTIL)
        leaves = log.size
        assert set(log.entries(0, leaves)) <= kept, f"{folder.name}: the ledger names what is not kept"
    before = contents(store)
    assert before.items() <= whole.items(), f"{folder.name}: something else was stored"
    fill(FileStore(folder / "locker"), folder)
    assert contents(FileStore(folder / "locker")) == whole, f"{folder.name}: recovery gave another locker"
    return receipts, leaves


def undisturbed(folder: Path) -> dict[str, str]:
    """What a locker holds that nothing happened to."""
    folder.mkdir()
    fill(FileStore(folder / "locker"), folder)
    assert check_trust(FileStore(folder / "locker")) == 10
    return contents(FileStore(folder / "locker"))


@pytest.mark.slow
def test_a_death_at_every_call_of_the_store_leaves_the_order_of_trust(tmp_path: Path) -> None:
    """Captures, index, receipt, leaf: wherever the process dies, what vouches is there last, and all is made up for."""
    whole = undisturbed(tmp_path / "whole")
    lockers = run(tmp_path / "dead", "steps")
    assert len(lockers) > 150, "before and after every call of the store"
    found = [check_recovery(folder, whole) for folder in lockers]
    assert {receipts for receipts, _ in found} == set(range(11)), "every number of receipts was met"
    assert {leaves for _, leaves in found} >= {0, 3, 6, 9, 10}


@pytest.mark.slow
def test_a_death_at_any_instant_leaves_the_order_of_trust(tmp_path: Path) -> None:
    """The same at 120 random instants, in system calls and between them, some during recovery."""
    whole = undisturbed(tmp_path / "whole")
    lockers = run(tmp_path / "dead", "random", "20260701", "120")
    assert len(lockers) == 121
    found = [check_recovery(folder, whole) for folder in lockers]
    assert len({receipts for receipts, _ in found}) > 8, "the instants were spread over the run"
