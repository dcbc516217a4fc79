"""How fresh each stream is, by its receipts alone: the last window, what is overdue, what is missing.

- Windows are a day long. The next one is *waiting* from the moment it ended; a stream is fresh while that takes no
  longer than its allowance: one day, and the lateness that the source itself may have.
- A window counts as received when a receipt says that nothing more can be had of it; its gaps stay gaps until a
  receipt says that it was received whole.
- A stretch between the first and the last window that was never asked is a hole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from evidence.capture import Gap, instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from evidence.custody import Receipt

CADENCE = timedelta(days=1)
FRESH, STALE, NEVER, HANDED_IN = "fresh", "stale", "never", "handed in"


@dataclass(frozen=True, slots=True)
class Freshness:
    """One stream.

    Attributes:
        stream: full name.
        state: `fresh`, `stale`, `never` (nothing was received) or `handed in` (files only, which no plan expects).
        window: the last window that was received, None without one.
        asked_at: when the stream was last asked, or handed in; None if never.
        waiting: how long the next window has been waiting; zero if it has not ended.
        allowance: how long it may.
        gaps: what is known to be lost or was not received.
        holes: stretches that were never asked.
    """

    stream: str
    state: str
    window: tuple[datetime, datetime] | None
    asked_at: datetime | None
    waiting: timedelta
    allowance: timedelta
    gaps: tuple[Gap, ...]
    holes: tuple[tuple[datetime, datetime], ...]

    @property
    def fresh(self) -> bool:
        """Whether nothing is overdue."""
        return self.state in (FRESH, HANDED_IN)

    def as_json(self) -> dict[str, Any]:
        """As `status --json` prints it; durations in hours."""
        return {
            "stream": self.stream, "state": self.state,
            "window_start": instant(self.window[0]) if self.window else None,
            "window_end": instant(self.window[1]) if self.window else None,
            "asked_at": instant(self.asked_at) if self.asked_at else None,
            "waiting_hours": hours(self.waiting), "allowance_hours": hours(self.allowance),
            "gaps": [gap.as_json() for gap in self.gaps],
            "holes": [{"start": instant(start), "end": instant(end)} for start, end in self.holes],
        }  # fmt: skip


def freshness(
    stream: str, receipts: Iterable[Receipt], *, now: datetime, lateness: timedelta = timedelta(0)
) -> Freshness:
    """How fresh a stream is.

    Args:
        stream: full name.
        receipts: every receipt of it.
        now: the present, by the clock that collections go by.
        lateness: what the source's `Stream` says.
    """
    held = list(receipts)
    asked = [receipt for receipt in held if receipt.body.get("window")]
    done = sorted({window_of(receipt) for receipt in asked if receipt.final})
    last = max(done, key=lambda window: window[1], default=None)
    waiting = max(now - (last[1] + CADENCE), timedelta(0)) if last else timedelta(0)
    allowance = CADENCE + lateness
    if last is not None:
        state = FRESH if waiting <= allowance else STALE
    else:
        state = HANDED_IN if held and not asked else NEVER
    asked_at = max((receipt.asked_at for receipt in held), default=None)
    return Freshness(stream, state, last, asked_at, waiting, allowance, _gaps(asked), holes(asked))


def hours(length: timedelta) -> float:
    """A duration in hours, to a hundredth."""
    return round(length.total_seconds() / 3600, 2)


def window_of(receipt: Receipt) -> tuple[datetime, datetime]:
    """Start and end of the window that a receipt is about."""
    window = receipt.body["window"]
    return datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"])


def open_windows(asked: Iterable[Receipt]) -> list[Receipt]:
    """The first look's last attempt at each window that no receipt says was received whole."""
    held = list(asked)
    whole = {window_of(receipt) for receipt in held if receipt.complete}
    newest: dict[tuple[datetime, datetime], Receipt] = {}
    for receipt in sorted((r for r in held if r.first_read), key=lambda r: int(r.body["attempt"])):
        newest[window_of(receipt)] = receipt
    return [receipt for window, receipt in sorted(newest.items()) if window not in whole]


def holes(asked: Iterable[Receipt]) -> tuple[tuple[datetime, datetime], ...]:
    """The stretches between the first and the last window received that were never asked."""
    found = []
    done = sorted({window_of(receipt) for receipt in asked if receipt.final})
    reached = done[0][1] if done else None
    for start, end in done[1:]:
        if reached is not None and start > reached:
            found.append((reached, start))
        reached = end if reached is None else max(reached, end)
    return tuple(found)


def gaps_told(asked: Iterable[Receipt]) -> Iterator[tuple[Gap, Receipt]]:
    """The gaps of the windows that no receipt says were received whole, each with the receipt that tells it.

    A collection that did not finish and names no gap is one over its whole window.
    """
    for receipt in open_windows(asked):
        for told in receipt.body["gaps"]:
            yield Gap.from_json(told), receipt
        if not receipt.body["gaps"]:
            yield Gap(*window_of(receipt), "the collection did not finish"), receipt


def _gaps(asked: Sequence[Receipt]) -> tuple[Gap, ...]:
    found = {(gap.start, gap.end, gap.cause): gap for gap, _ in gaps_told(asked)}
    return tuple(found[key] for key in sorted(found))
