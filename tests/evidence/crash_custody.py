"""Fills a locker and dies by SIGKILL on the way; run by test_custody_crash.py.

`python crash_custody.py FOLDER steps` fills one locker per point of death, `FOLDER/1`, `FOLDER/2`, …: before and after
the first, second, … call of the store, until one survives. `python crash_custody.py FOLDER random SEED TIMES` fills
`FOLDER/0` undisturbed, then TIMES lockers that die at a random instant (some microseconds after a random system call,
so that the instants are spread over the work and not over the disk's waiting), some of them again while they recover.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.ledger.log import Log
from evidence.stores.file import FileStore
from tests.evidence.crash_store import count_calls
from tests.evidence.small_locker import STREAM, UNTIL, Acme, Watched, asked, gap, locker, window

if TYPE_CHECKING:
    from collections.abc import Callable

    from evidence.capture import Outcome
    from evidence.stores.base import Store

ORIGIN = "tests.example/log"


def fill(store: Store, folder: Path) -> None:
    """Collect three days of two streams with a re-read, import a file, publish after each: always the same."""
    custody = locker(store)
    log = Log.open(store, folder / "log", ORIGIN, retain_until=UNTIL)
    export = folder / "export.json"
    export.write_bytes(b'{"id": 1}\n')

    def lost(outcome: Outcome) -> Outcome:
        return type(outcome)(outcome.cursor, outcome.totals, (gap(window(1)),), complete=False)

    for day in range(3):
        source = Acme(outcome=lost) if day == 1 else Acme()
        receipts = [custody.collect(source, name, window(day), now=asked(day)) for name in (STREAM, "acme.people")]
        receipts.append(custody.collect(source, STREAM, window(day), now=asked(day) + timedelta(hours=1), read=1))
        custody.publish(log, receipts)
    custody.publish(log, [custody.keep_file("acme.files", export, name="export.json", now=asked(3))])


def in_child(work: Callable[[], None]) -> bool:
    """Do `work` in a process of its own; whether it survived."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"the child failed with {status}")
    return status == 0


def die_at_call(folder: Path, point: int) -> None:
    """Fill `folder`, and die around call number `point` of the store."""
    left = itertools.count(point - 1, -1)

    def on(step: str, call: str, key: str) -> None:
        del step, call, key
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    fill(Watched(FileStore(folder / "locker"), on), folder)


def die_soon_after(folder: Path, point: int, seconds: float) -> None:
    """Fill `folder`, and be killed by the kernel `seconds` after system call number `point`, wherever that is."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    left = itertools.count(point - 1, -1)

    def before() -> None:
        if next(left) == 0:
            signal.setitimer(signal.ITIMER_REAL, seconds)

    count_calls(before)
    fill(FileStore(folder / "locker"), folder)
    signal.setitimer(signal.ITIMER_REAL, 0)


def steps(folder: Path) -> None:
    """Die at every call in turn."""
    for point in itertools.count(1):
        where = folder / str(point)
        where.mkdir()
        if in_child(lambda where=where, point=point: die_at_call(where, point)):  # type: ignore[misc]
            return


def system_calls(folder: Path) -> int:
    """Fill `folder` undisturbed; how many system calls that takes."""
    folder.mkdir()
    noted = folder / "calls"

    def work() -> None:
        calls: list[None] = []
        count_calls(lambda: calls.append(None))
        fill(FileStore(folder / "locker"), folder)
        noted.write_text(str(len(calls)))

    in_child(work)
    return int(noted.read_text())


def at_random(folder: Path, seed: int, times: int) -> None:
    """Die at random instants; every third locker twice."""
    chance = random.Random(seed)
    calls = system_calls(folder / "0")
    for number in range(1, times + 1):
        where = folder / str(number)
        where.mkdir()
        for _ in range(2 if number % 3 == 0 else 1):
            point, seconds = chance.randint(1, calls), chance.uniform(0.000_001, 0.001)
            in_child(lambda w=where, p=point, s=seconds: die_soon_after(w, p, s))  # type: ignore[misc]


if __name__ == "__main__":
    if sys.argv[2] == "steps":
        steps(Path(sys.argv[1]))
    else:
        at_random(Path(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4]))
