"""One small company collected, built and judged: a life that may be ended at any step or instant, and begun again.

- `live` collects two days of every stream that the cases of a control use, with a re-read that brings a late record,
  publishes after each day and builds the tables: always the same.
- `look` is everything that must not depend on how often it died: the locker, the ledger, every table with its counts,
  and the control's verdicts.
- `boundaries` numbers the steps of a life: before and after each object that is stored, each append to the ledger and
  each commit of a table.
"""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from controls.cases import _company, _records
from controls.definitions import control
from controls.engine import test
from controls.scope import prepare
from evidence.capture import Outcome
from evidence.collecting import collect, day_window
from evidence.config import Config
from evidence.ledger.log import Log
from evidence.periods import period
from evidence.sources.base import Stream
from evidence.stores.base import Store
from tests.evidence.small_locker import contents
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.sheets import sheet_of, sheets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from evidence.capture import Window
    from evidence.sources.base import Keep

CONTROL = "CHG-01"
ZONE = "Europe/Berlin"
FIRST, DAYS = date(2024, 2, 1), 2
PAGE = 6
LATE = {
    "_document_id": "late", "action": "repo.access", "actor": "ada", "actor_id": 1, "org": "example",
    "created_at": round(day_window(FIRST, ZONE).start.timestamp() * 1000) + 1, "repo": "example/app",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mornings:
    """Six in the morning of the day after."""

    def at(self, system: str, day: date) -> datetime:
        """The time of asking."""
        del system
        return self.time_of(day)

    def time_of(self, day: date) -> datetime:
        """The same for planning."""
        return day_window(day, ZONE).end + timedelta(hours=6)


@dataclass(slots=True)
class Cases:
    """A source that gives the records of a control's cases on the first day, and a late one in the re-read."""

    records: Mapping[str, list[dict[str, Any]]]
    streams: tuple[Stream, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Every stream that has records, and the audit log with its re-read."""
        names = sorted({*self.records, "github.audit_log"})
        again = (timedelta(days=1),)
        self.streams = tuple(Stream(name, "events", rereads=again * (name == "github.audit_log")) for name in names)

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """Pages of a few records."""
        rows = list(self.records.get(stream, ())) if window == day_window(FIRST, ZONE) else []
        if stream == "github.audit_log" and window == day_window(FIRST, ZONE):
            rows += [LATE] * (now > window.end + timedelta(days=1))
        for at in range(0, max(len(rows), 1), PAGE):
            body = json.dumps(rows[at : at + PAGE]).encode()
            keep(body, request=f"GET /{stream}?page={at // PAGE}", response={"status": 200})
        return Outcome({"windows": int(cursor.get("windows", 0)) + 1}, {"records": len(rows)})

    def close(self) -> None:
        """Nothing is open."""


def home(folder: Path) -> Home:
    """The company's home; its redaction key is the same in every life."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "var").mkdir(exist_ok=True)
    (folder / "var" / "redaction.key").write_text("00" * 32, encoding="ascii")
    return Home(Config(company="Example", zone=ZONE, root=folder), {}, {"name": "tests", "commit": "0" * 40})


def live(folder: Path, *, build: bool = True) -> None:
    """Collect, publish and build day by day."""
    by_alias = _records(control(CONTROL), _company())
    source = Cases({sheet_of(alias).stream: rows for alias, rows in by_alias.items()})
    opened = home(folder)
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        done = collect(opened.custody, "cases", source, [day], clock=Mornings(), zone=ZONE)
        done.raise_failures()
        opened.custody.publish(opened.log, done.receipts)
        if build:
            opened.builder().build()


def look(folder: Path, *, judge: bool = True) -> dict[str, Any]:
    """Everything that must come out the same; verdicts, which follow from the tables, where `judge` asks for them."""
    opened = home(folder)
    con = opened.connection()
    tables = [*(sheet.table for sheet in sheets().values()), "evidence_conservation", "evidence_quarantine"]
    found: dict[str, Any] = {table: con.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in tables}
    kept = contents(opened.store)
    found["locker"] = {key: digest for key, digest in kept.items() if not key.startswith("ledger/")}
    entries = list(opened.log.entries(0, opened.log.size))
    assert len(entries) == len(set(entries)), "a statement stands in the ledger twice"
    found["ledger"] = sorted(entries)
    if not judge:
        con.close()
        return found
    span = period("2024Q1", zone=ZONE)
    prepare(con, _company()["scope"], zone=ZONE)
    (result,) = test(con, [control(CONTROL)], span, freeze_at=span.end)
    found["conclusion"] = result.conclusion
    found["verdicts"] = sorted((v.subject, v.attribute, v.verdict, v.reason) for v in result.verdicts)
    con.close()
    return found


def boundaries(on: Callable[[], None]) -> None:
    """Have `on` called before and after every step of a life, in this process from now on."""

    def around(owner: type, name: str) -> None:
        plain = getattr(owner, name)

        def instead(*args: Any, **kwargs: Any) -> Any:
            on()
            result = plain(*args, **kwargs)
            on()
            return result

        setattr(owner, name, instead)

    around(Store, "put")
    around(Log, "append")
    around(Lake, "add")


def end_at_step(folder: Path, step: int) -> bool:
    """Live, and die by SIGKILL at a step; whether the life was over before."""
    left = [step]

    def on() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        boundaries(on)
        live(folder)

    return _child(work, None)


def end_after(folder: Path, seconds: float) -> bool:
    """Live, and be killed after so many seconds; whether the life was over before."""
    return _child(lambda: live(folder), seconds)


def steps_of_a_life(folder: Path) -> tuple[int, float]:
    """How many steps an undisturbed life in `folder` has, and how long it takes."""
    noted = folder.with_suffix(".steps")

    def work() -> None:
        count = [0]

        def on() -> None:
            count[0] += 1

        boundaries(on)
        live(folder)
        noted.write_text(str(count[0]))

    begin = time.monotonic()
    assert _child(work, None)
    return int(noted.read_text()), time.monotonic() - begin


def _child(work: Callable[[], None], seconds: float | None) -> bool:
    """Do `work` in a process of its own; whether it ended by itself. Its failure is ours."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - told to the parent, which must not run on in the child
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the life failed by itself"
    return not os.WIFSIGNALED(status)
