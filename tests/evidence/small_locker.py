"""A tiny system of record, a locker for it and a store that can fail or die: for the tests of custody."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from evidence.canonical import sha256
from evidence.capture import Gap, Outcome, Window
from evidence.custody import Custody
from evidence.objects import capture_key
from evidence.sources.base import Stream
from evidence.stores.base import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from evidence.sources.base import Keep
    from evidence.stores.base import Retention

STREAM = "acme.events"
STREAMS = (Stream(STREAM, "events"), Stream("acme.people", "snapshot"))
COLLECTOR = {"name": "tests", "version": "1", "commit": "0" * 40}
UNTIL = datetime(2035, 1, 1, tzinfo=UTC)
FIRST = datetime(2026, 7, 1, 4, tzinfo=UTC)


def window(day: int = 0) -> Window:
    """The window of a day, counted from the first."""
    return Window(FIRST + timedelta(days=day), FIRST + timedelta(days=day + 1))


def asked(day: int = 0) -> datetime:
    """When that day is asked for: two hours after its end."""
    return window(day).end + timedelta(hours=2)


@dataclass(slots=True)
class Acme:
    """A source with `pages` pages for each day; `before_page` may raise, `outcome` may say less.

    Its cursor counts collections, so that a test sees which one was continued.
    """

    pages: int = 3
    streams: tuple[Stream, ...] = STREAMS
    before_page: Callable[[int], None] = lambda _page: None
    outcome: Callable[[Outcome], Outcome] = lambda outcome: outcome
    asked: list[tuple[str, datetime, dict[str, Any]]] = field(default_factory=list)

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """Give the pages of a window; the same bytes whenever it is asked."""
        del now
        self.asked.append((stream, window.start, dict(cursor)))
        for page in range(self.pages):
            self.before_page(page)
            body = json.dumps([{"id": f"{window.start:%Y%m%d}-{page}"}]).encode()
            keep(body, request=f"GET /{stream}?page={page}", response={"status": 200}, context={"_org": "acme"})
        after = {"collections": int(cursor.get("collections", 0)) + 1}
        return self.outcome(Outcome(after, {"events": self.pages}))

    def close(self) -> None:
        """Nothing is open."""


def gap(of: Window, cause: str = "kept 7 days") -> Gap:
    """A gap over a whole window."""
    return Gap(of.start, of.end, cause, "elasticsearch")


def locker(store: Store) -> Custody:
    """A custody of its own over a store."""
    return Custody(store, collector=COLLECTOR, retain_until=UNTIL)


class Watched(Store):
    """A store that calls `on(step, call, key)` with "before" and "after" around every call of the store below."""

    def __init__(self, below: Store, on: Callable[[str, str, str], None]) -> None:
        self.below, self.url, self._on = below, below.url, on

    @contextmanager
    def batch(self) -> Iterator[None]:
        """A batch below; its end is a call like any other."""
        with self.below.batch():
            yield
            self._on("before", "commit", "")
        self._on("after", "commit", "")

    def check_writable(self) -> None:
        """As the store below."""
        self.below.check_writable()

    def _around(self, call: str, key: str, work: Callable[[], Any]) -> Any:
        self._on("before", call, key)
        result = work()
        self._on("after", call, key)
        return result

    def _put(self, key: str, data: bytes, retain_until: datetime | None) -> bool:
        return bool(self._around("put", key, lambda: self.below.put(key, data, retain_until=retain_until)))

    def _get(self, key: str) -> bytes:
        return bytes(self._around("get", key, lambda: self.below.get(key)))

    def _exists(self, key: str) -> bool:
        return bool(self._around("exists", key, lambda: self.below.exists(key)))

    def _list(self, prefix: str) -> Iterator[str]:
        return iter(self._around("list", prefix, lambda: list(self.below.list(prefix))))

    def _local_path(self, key: str) -> Path:
        return self.below.local_path(key)

    def _retention(self, key: str) -> Retention:
        return self.below.retention(key)

    def _retain(self, key: str, until: datetime | None, legal_hold: bool | None) -> None:
        self.below.retain(key, until=until, legal_hold=legal_hold)


def contents(store: Store) -> dict[str, str]:
    """Every object of a store, by key, as the digest of its bytes."""
    return {key: sha256(store.get(key)) for key in store.list("")}


def check_trust(store: Store) -> int:
    """Check what holds whenever anybody looks: no receipt vouches for bytes that are not there. Counts the receipts."""
    custody = locker(store)
    receipts = custody.receipts()
    for receipt in receipts:
        sightings = list(custody.sightings(receipt))
        assert len(sightings) == receipt.body["captures"], receipt.key
        assert [s.page for s in sightings] == list(range(len(sightings))), receipt.key
        for sighting in sightings:
            assert sha256(store.get(capture_key(sighting.capture))) == sighting.capture, receipt.key
        assert isinstance(custody.gaps(receipt), tuple)
        assert isinstance(custody.totals(receipt), dict)
    return len(receipts)
