"""Measure whether a day costs more the longer the history is. `python -m bench.daily [DAYS] [EVENTS]`.

- A year of a company in little: each day one stream is asked for its events and for the re-reads that are due, its
  receipts are published, its table is built and a session with the tables is opened, as a daily run does.
- Days early and late in the history are run in processes of their own, three each, and their processor time is taken:
  what other programs do on the machine does not count. The median of each three is compared.
- Bar: the late day costs at most 1.2 times the early one.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.capture import Outcome
from evidence.collecting import SimulatedClock, collect
from evidence.config import Config
from evidence.sources.registry import connector
from warehouse.home import Home

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from evidence.capture import Window
    from evidence.sources.base import Keep, Stream

STREAM = "github.audit_log"
FIRST = date(2025, 7, 1)
EARLY, SAMPLE = 12, 3  # the early days are those up to the twelfth, by when every re-read is due
RATIO = 1.2


class Mornings:
    """Each day is collected at six of the next."""

    def at(self, system: str, day: date) -> datetime:
        """The time of asking."""
        del system
        return self.time_of(day)

    def time_of(self, day: date) -> datetime:
        """As the simulated company's clock has it."""
        return SimulatedClock("", "UTC").time_of(day)


class Audit:
    """An audit log with as many events each day."""

    def __init__(self, events: int) -> None:
        self._events = events
        self.streams: tuple[Stream, ...] = tuple(one for one in connector("github").STREAMS if one.name == STREAM)

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """Pages of a hundred events."""
        del now
        start = round(window.start.timestamp() * 1000)
        step = 86_400_000 // self._events
        for at in range(0, self._events, 100):
            page = [
                {"_document_id": f"{start + n * step}", "action": "git.push", "created_at": start + n * step}
                for n in range(at, min(at + 100, self._events))
            ]
            keep(json.dumps(page).encode(), request=f"GET /{stream}?page={at // 100}", response={"status": 200})
        return Outcome(cursor, {"events": self._events})

    def close(self) -> None:
        """Nothing is open."""


def run(folder: Path, number: int, events: int) -> float:
    """One day's run; its processor time in seconds."""
    begin = _cpu()
    home = Home(Config(company="Bench", root=folder), {}, {"name": "bench"})
    day = FIRST + timedelta(days=number)
    done = collect(home.custody, "github", Audit(events), [day], clock=Mornings(), zone="UTC")
    done.raise_failures()
    home.custody.publish(home.log, done.receipts)
    home.builder().build([STREAM])
    home.connection().close()
    return _cpu() - begin


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Print the figures; 1 if the bar is missed."""
    given = [int(text.replace("_", "")) for text in sys.argv[1:]]
    days, events = (*given, *(365, 1_000)[len(given) :])
    found: dict[str, list[float]] = {"early": [], "late": []}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for number in range(days):
            kind = "early" if EARLY - SAMPLE <= number < EARLY else "late" if number >= days - SAMPLE else ""
            if not kind:
                run(Path(name), number, events)
                continue
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found[kind].append(pool.apply(run, (Path(name), number, events)))
    early, late = (statistics.median(found[kind]) for kind in ("early", "late"))
    print(f"{days} days of {events:,} events in {time.monotonic() - began:,.0f} s")
    print(f"a day costs {early:.2f} s of processor time on day {EARLY - 1}, {late:.2f} s on day {days - 1}")
    print(f"ratio {late / early:.2f} (bar {RATIO})")
    return 0 if late / early <= RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
