"""A capture: the exact bytes of one response or one file, and how they came to us.

- Bytes are named by SHA-256 and stored before anything parses them.
- One body seen twice is stored once; each *sighting* of it is a line of its own, with its request, context and time.
- Neither a request header, a credential, nor a query value that looks like one is ever part of a sighting
  (evidence.credentials).

Example line of an index (canonical JSON)::

    {"capture":"9f…","context":{"_repo":"acme/ledger"},"fetched_at":"2026-07-02T09:00:00Z","page":1,
     "request":"GET /repos/acme/ledger/rulesets?per_page=100","response":{"etag":"…","status":200},"size":512}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FACTS = ("status", "unusable", "retried", "not_modified", "offset")
"""What a sighting says of an answer beside its headers; see evidence.sources.base."""

KEPT_HEADERS = (
    "date",
    "etag",
    "last-modified",
    "link",
    "content-type",
    "content-length",
    "x-github-request-id",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-resource",
    "x-amz-version-id",
    "x-amz-request-id",
)


@dataclass(frozen=True, slots=True)
class Window:
    """What was asked for: the half-open stretch of event time [start, end), in UTC; `ValueError` if it is none."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse a window without a zone, which would mean another stretch on every machine, and an empty one."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"a time without a zone is no instant: {self.start!r}, {self.end!r}")
        if self.end <= self.start:
            raise ValueError(f"a window ends after it starts, found {instant(self.start)} to {instant(self.end)}")

    def as_json(self) -> dict[str, str]:
        """The window as a receipt holds it."""
        return {"start": instant(self.start), "end": instant(self.end)}


@dataclass(frozen=True, slots=True)
class Sighting:
    """One time that a source gave us a body.

    Attributes:
        capture: SHA-256 of the body (of the earlier body, where the source answered "not modified").
        size: bytes received; 0 where the source answered "not modified".
        request: method and path with its query, or the path of a file; never a header, never a credential.
        context: what else stood in the question and is needed to read the answer (`_repo`, `_as_of`, …).
        response: the `FACTS` and `KEPT_HEADERS` that came with it.
        fetched_at: when the body was complete, by the clock that the collection was given.
        page: position within the collection, from 0.
    """

    capture: str
    size: int
    request: str
    context: Mapping[str, Any]
    response: Mapping[str, Any]
    fetched_at: datetime
    page: int

    def as_json(self) -> dict[str, Any]:
        """The line that an index holds."""
        return {
            "capture": self.capture,
            "size": self.size,
            "request": self.request,
            "context": dict(self.context),
            "response": dict(self.response),
            "fetched_at": instant(self.fetched_at),
            "page": self.page,
        }


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch that could not be collected, and why; a gap is a fact, not an error.

    Attributes:
        start: first instant that is missing.
        end: first instant that is not.
        cause: plain words ("git events are kept 7 days").
        recoverable_from: stream or system that may still have it, or "".
    """

    start: datetime
    end: datetime
    cause: str
    recoverable_from: str = ""

    def as_json(self) -> dict[str, str]:
        """The gap as a receipt holds it."""
        return {
            "start": instant(self.start),
            "end": instant(self.end),
            "cause": self.cause,
            "recoverable_from": self.recoverable_from,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, str]) -> Gap:
        """The gap that a receipt holds."""
        start, end = (datetime.fromisoformat(told[name]) for name in ("start", "end"))
        return cls(start, end, told["cause"], told["recoverable_from"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a source says at the end of one collection of one stream and window.

    Attributes:
        cursor: where the next collection goes on; opaque to everyone but the source; JSON.
        totals: what the source itself claims ("total_count" per question), for the completeness test.
        gaps: what it could not give.
        complete: False if anything asked for was not received (the gaps say what).
    """

    cursor: Mapping[str, Any] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    complete: bool = True


def instant(moment: datetime) -> str:
    """UTC instant as `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`."""
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone is no instant: {moment!r}")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
