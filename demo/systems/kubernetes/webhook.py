"""The folder into which an audit webhook's receiver puts the batches that an API server sends.

- A batch is an `EventList` of six hours, counted from local midnight, in the order in which the events came; it is
  written when its time is over, once, under the instant of its beginning.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from demo import worktime
from demo.systems.stable import nanos

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

T = TypeVar("T")
_HOURS = (0, 6, 12, 18)


class WebhookFolder(Generic[T]):
    """The folder; `entries` are (nanoseconds since 1970, what `render` makes an Event of), oldest first."""

    def __init__(
        self, folder: Path, entries: Sequence[tuple[int, T]], render: Callable[[T], dict[str, object]], zone: ZoneInfo
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._entries, self._render, self._zone = folder, entries, render, zone
        self._times = [at for at, _ in entries]
        self._next: datetime | None = None

    def advance(self, now: datetime) -> None:
        """Write every batch whose time was over by `now` and that does not lie there yet."""
        if not self._entries:
            return
        first = self._start_after(self._next) if self._next else self._first()
        while (end := self._start_after(first)) <= now:
            self._batch(first, end)
            self._next = first
            first = end

    def _first(self) -> datetime:
        """The beginning of the first batch with anything in it."""
        at = datetime.fromtimestamp(self._times[0] // 1_000_000_000, UTC)
        day = at.astimezone(self._zone).date()
        return max(s for h in _HOURS if (s := worktime.at(day, h, 0, self._zone)) <= at)

    def _start_after(self, start: datetime) -> datetime:
        day = start.astimezone(self._zone).date()
        later = (worktime.at(d, h, 0, self._zone) for d in (day, day + timedelta(days=1)) for h in _HOURS)
        return next(s for s in later if s > start)

    def _batch(self, start: datetime, end: datetime) -> None:
        path = self._folder / f"{start:%Y%m%dT%H%M%SZ}.json"
        low, high = bisect_left(self._times, nanos(start)), bisect_left(self._times, nanos(end))
        if low == high or path.exists():
            return
        items = [self._render(what) for _, what in self._entries[low:high]]
        batch = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": items}
        unfinished = path.with_name(f".{path.name}.part")
        unfinished.write_bytes(json.dumps(batch, separators=(",", ":")).encode() + b"\n")
        unfinished.replace(path)
