"""What a source promises: it is asked for one stream and one window, and hands over bytes before it reads them.

A source is a module of this folder with

- `NAME`: the system (`github`); streams are `NAME.<stream>`;
- `STREAMS`: what it can be asked for, as `Stream`s;
- `connect(settings, environ) -> Source`: checks its settings (`ConfigError`) without asking the system yet.

Rules a source keeps:

- It calls `keep` with the body of every answer before it reads the answer's meaning. An answer that is no whole answer
  (HTML, empty, cut off) is kept too, with `response["unusable"]` = why: it holds no records, whoever reads it.
  A "come back later" (429, 5xx, a broken connection) is no answer: the next sighting's `response["retried"]` names it.
- A body that only leads to records, as a list whose items are then asked singly, has `_listing: true` in its context:
  it proves what there was to ask, and holds no records of its own.
- It raises `SourceUnavailable` or `SourceRejected`, never a library's own error.
- It gives up by raising, or reports a `Gap`; it never returns less than it was asked for in silence.
- It knows neither the clock nor the store: `now` and `keep` are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evidence.capture import Outcome, Sighting, Window


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of record that a source can be asked for.

    Attributes:
        name: full name, `system.stream`.
        kind: `events` (asked by event time), `entities` (asked by change time; re-sent when they change),
            `snapshot` (the state at the time of asking; a past state cannot be had), `file` (a tailed or dropped file).
        lateness: how late a record may appear after its event time; later windows re-read that far back.
        retention: how long the source keeps records; None = until somebody deletes them.
        rereads: how long after its end a window is asked again, to find late arrivals.
        second_source: stream that tells the same or a part of it, where this one has a gap; "" for none.
    """

    name: str
    kind: Literal["events", "entities", "snapshot", "file"]
    lateness: timedelta = timedelta(0)
    retention: timedelta | None = None
    rereads: tuple[timedelta, ...] = ()
    second_source: str = ""


class Keep(Protocol):
    """Stores a body as received and notes how it came; returns the sighting. Durable when the collection ends."""

    def __call__(
        self,
        body: bytes,
        *,
        request: str,
        response: Mapping[str, Any],
        context: Mapping[str, Any] | None = None,
    ) -> Sighting:
        """Keeps `body`, whatever it is; returns how it was seen."""
        ...

    def unchanged(
        self, capture: str, *, request: str, response: Mapping[str, Any], context: Mapping[str, Any]
    ) -> Sighting:
        """Notes that the source answered "not modified": the earlier body `capture` is seen again."""
        ...

    def body(self, capture: str) -> bytes:
        """The bytes of an earlier capture, to read on after "not modified"."""
        ...


class Source(Protocol):
    """A system of record that can be asked."""

    streams: tuple[Stream, ...]

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """Ask for one stream and window.

        Args:
            stream: full stream name, one of `streams`.
            window: event time asked for; `snapshot` streams give the state as of `now`.
            cursor: what the last complete collection of this stream returned, `{}` at first.
            now: the time of asking; decides what is out of retention and stamps `_as_of`.
            keep: see `Keep`.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
