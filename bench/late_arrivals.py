"""Measure what late arrivals cost in records lost. `python -m bench.late_arrivals [EVENTS]`.

- Events of 30 days; a share of them appears in the source 1 to 12 hours after they happened, one in 10,000 up to nine
  days after, every other within a minute.
- Ours: the product's own plan and custody, `evidence.collecting` with the re-reads that `github.audit_log` has, once
  a day at six. What counts is what the captures in the locker hold in the end.
- Without re-reads: the same, each window asked once.
- Cursor alone: what a collector does that keeps the newest time seen and asks for what is newer, every hour. It is
  written down here, `cursor_alone`; it has no way to notice what it lost.
- The bar: ours loses none.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.capture import Outcome
from evidence.collecting import SimulatedClock, collect
from evidence.custody import Custody
from evidence.sources.registry import connector
from evidence.stores.file import FileStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from evidence.capture import Window
    from evidence.sources.base import Keep, Stream

STREAM = "github.audit_log"
FIRST, DAYS, TAIL = date(2026, 7, 1), 30, 12  # days of events, and days that collection goes on after them
START = datetime(2026, 7, 1, tzinfo=UTC)
HOUR, NINE_DAYS = 3_600.0, 9 * 86_400.0
SHARES = (0.02, 0.20)
VERY_LATE = 0.000_1
PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Events:
    """Seconds after the start at which each event happened, in order, and at which it appeared."""

    happened: Sequence[float]
    appeared: Sequence[float]
    late: int


@dataclass(slots=True)
class Log:
    """An audit log that is asked by time and gives what has appeared by then."""

    events: Events
    streams: tuple[Stream, ...]
    given: int = 0

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """Pages of the numbers of events."""
        moment = (now - START).total_seconds()
        first, last = (
            bisect_left(self.events.happened, (edge - START).total_seconds()) for edge in (window.start, window.end)
        )
        found = [n for n in range(first, last) if self.events.appeared[n] <= moment]
        for at in range(0, len(found), PAGE):
            body = json.dumps(found[at : at + PAGE]).encode()
            keep(body, request=f"GET /{stream}?from={first}&page={at // PAGE}", response={"status": 200})
        self.given += len(found)
        return Outcome(cursor, {"events": len(found)})

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Mornings:
    """Each day is collected at six of the next."""

    def at(self, system: str, day: date) -> datetime:
        """The time of asking."""
        del system
        return self.time_of(day)

    def time_of(self, day: date) -> datetime:
        """As the simulated company's clock has it."""
        return SimulatedClock("", "UTC").time_of(day)


def make_events(count: int, share: float, seed: int = 1) -> Events:
    """Events spread over the days, a share of them late."""
    dice = random.Random(seed)
    happened = sorted(dice.random() * DAYS * 86_400 for _ in range(count))
    delays = [dice.uniform(HOUR, 12 * HOUR) if dice.random() < share else dice.uniform(0, 60) for _ in happened]
    tail = dice.sample(range(count), max(1, round(count * VERY_LATE)))
    for n in tail:
        delays[n] = dice.uniform(12 * HOUR, NINE_DAYS)
    delays[tail[0]] = NINE_DAYS  # the latest of all is there for certain
    appeared = [at + delay for at, delay in zip(happened, delays, strict=True)]
    return Events(happened, appeared, sum(delay >= HOUR for delay in delays))


def ours(events: Events, folder: Path, *, rereads: bool = True) -> tuple[set[int], int]:
    """The events in the locker in the end, and how many records the source gave for it."""
    (stream,) = (one for one in connector("github").STREAMS if one.name == STREAM)
    log = Log(events, (stream if rereads else replace(stream, rereads=()),))
    custody = Custody(FileStore(folder), collector={"name": "bench"})
    days = [FIRST + timedelta(days=n) for n in range(DAYS + TAIL)]
    collect(custody, "github", log, days, clock=Mornings(), zone="UTC").raise_failures()
    captures = {sighting.capture for receipt in custody.receipts() for sighting in custody.sightings(receipt)}
    return {n for capture in captures for n in json.loads(custody.body(capture))}, log.given


def cursor_alone(events: Events) -> tuple[set[int], int]:
    """Every hour: what has appeared and is newer than the newest seen."""
    held: set[int] = set()
    newest = -1.0
    for hour in range((DAYS + TAIL) * 24):
        moment = (hour + 1) * HOUR
        first = bisect_left(events.happened, newest)
        last = bisect_left(events.happened, moment)
        found = [n for n in range(first, last) if events.appeared[n] <= moment and events.happened[n] > newest]
        held.update(found)
        newest = max([newest, *(events.happened[n] for n in found)])
    return held, len(held)


def main() -> int:
    """Print the figures; 1 if ours lost anything."""
    count = int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else 200_000
    lost = 0
    for share in SHARES:
        events = make_events(count, share)
        print(f"{count:,} events in {DAYS} days, {share:.0%} late by 1 to 12 h, {VERY_LATE:.2%} by up to 9 days")
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            found = {
                "ours": ours(events, Path(name) / "ours"),
                "without re-reads": ours(events, Path(name) / "once", rereads=False),
                "cursor alone": cursor_alone(events),
            }
        for title, (held, given) in found.items():
            missing = count - len(held)
            print(
                f"  {title:<17} lost {missing:>7,} ({missing / count:7.3%}), asked for {given / count:.2f} x the events"
            )
        lost += count - len(found["ours"][0])
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
