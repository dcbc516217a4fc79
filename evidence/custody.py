"""Custody: what was asked, what was received, what is missing. Bytes before meaning.

- The order of writing is the order of trust: captures, their index, the receipt, the ledger leaf. A crash between
  two steps leaves bytes without a receipt; asking again stores the same bytes once and finishes.
- A window that was received as far as it can be is not asked again; a planned re-read is a receipt of its own.
- A window that was not received whole has a receipt too, with its gaps; a later attempt gets the next number.
- Two collections of one window at once do no harm: the receipt is write-once, the second one finds the first's.

Layout in the store::

    captures/9f/9f86d0…              bytes as received
    indexes/3b/3b5d3c….ndjson        one sighting a line (evidence.capture.Sighting)
    receipts/github.reviews/20260701T040000Z_20260702T040000Z_r0_a0.json     canonical JSON
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from evidence.canonical import canonical, sha256
from evidence.capture import Outcome, Sighting, instant
from evidence.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from evidence.capture import Window
    from evidence.sources.base import Source
    from evidence.stores.base import Store

_INLINE_CURSOR = 8 * 1024  # bytes; a larger cursor is an object of its own, so that a receipt fits a ledger leaf


class Log(Protocol):
    """Where receipts are published: see evidence.ledger.log."""

    def append(self, statements: Sequence[bytes]) -> Sequence[int]:
        """Append what is not there yet; the index of each."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """One collection of one stream and window, as it is kept and logged.

    Attributes:
        key: where it lies in the store.
        sha256: digest of its canonical bytes; its name everywhere else.
        body: the statement: stream, window, read, attempt, asked_at, captures, index, cursor, totals, gaps, complete.
    """

    key: str
    sha256: str
    body: Mapping[str, Any]

    @property
    def stream(self) -> str:
        """Full stream name."""
        return str(self.body["stream"])

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for was received."""
        return bool(self.body["complete"])

    @property
    def final(self) -> bool:
        """Whether asking for this window again can bring nothing more: all is here, or the gaps say what is lost."""
        return self.complete or bool(self.body["gaps"])


class Custody:
    """The evidence locker: a store, the receipts in it, and the ledger that they are published to.

    Args:
        store: where bytes are kept.
        collector: who collects: name, version, code commit; part of every receipt.
        retain_until: retention put on every object that is stored from now on.
    """

    def __init__(self, store: Store, *, collector: Mapping[str, str], retain_until: datetime | None = None) -> None:
        self.store = store
        self._collector = dict(collector)
        self._retain_until = retain_until
        self._known: dict[str, dict[str, Receipt]] = {}

    def receipts(self, stream: str | None = None) -> list[Receipt]:
        """Receipts of one stream or of all, in the order of their keys."""
        if stream is None:
            streams = sorted({key.split("/")[1] for key in self.store.list("receipts/")})
            return [receipt for name in streams for receipt in self.receipts(name)]
        if stream not in self._known:
            keys = list(self.store.list(f"receipts/{stream}/"))
            self._known[stream] = {key: self._read(key) for key in keys}
        return list(self._known[stream].values())

    def sightings(self, receipt: Receipt) -> Iterator[Sighting]:
        """The sightings that a receipt counts, in their order."""
        for line in self.store.get(receipt.body["index"]).splitlines():
            item = json.loads(line)
            yield Sighting(**{**item, "fetched_at": datetime.fromisoformat(item["fetched_at"])})

    def collect(self, source: Source, stream: str, window: Window, *, now: datetime, read: int = 0) -> Receipt:
        """Ask `source` for one stream and window, unless it was received whole before.

        Args:
            read: 0 for the first asking; 1, 2, … for the planned re-reads that look for late arrivals.

        Raises:
            SourceUnavailable, SourceRejected: nothing counts as received; what was stored is found again next time.
            StoreError: the same.
        """
        earlier = self._attempts(stream, window, read)
        done = [r for r in earlier if r.final]
        if done:
            return done[0]
        cursor = self.cursor(stream) if read == 0 else {}
        keeper = _Keeper(self.store, now=now, retain_until=self._retain_until)
        with self.store.batch():
            outcome = source.collect(stream, window, cursor=cursor, now=now, keep=keeper)
            index = self._index(keeper.sightings)
        key = f"{_prefix(stream, window, read)}a{len(earlier)}.json"
        body = {
            "window": window.as_json(),
            "read": read,
            "attempt": len(earlier),
            "cursor_before": self._inline(cursor),
        }
        return self._finish(key, stream, now, keeper.sightings, outcome, {**body, "index": index})

    def holds(self, stream: str, window: Window, *, read: int = 0) -> bool:
        """Whether a window was received as far as it can be."""
        return any(receipt.final for receipt in self._attempts(stream, window, read))

    def keep_file(self, stream: str, path: Path, *, name: str, now: datetime) -> Receipt:
        """Take one file that somebody exported; the same bytes under the same name are taken once.

        Args:
            name: what the receipt calls the file (a path relative to what the user named).
        """
        data = path.read_bytes()
        key = f"receipts/{stream}/import_{sha256(name.encode())[:16]}_{sha256(data)[:32]}.json"
        known = {r.key: r for r in self.receipts(stream)}
        if key in known:
            return known[key]
        keeper = _Keeper(self.store, now=now, retain_until=self._retain_until)
        with self.store.batch():
            keeper(data, request=f"FILE {name}", response={})
            index = self._index(keeper.sightings)
        return self._finish(key, stream, now, keeper.sightings, Outcome(), {"file": name, "index": index})

    def cursor(self, stream: str) -> Mapping[str, Any]:
        """Where the last first-read of `stream` that was received whole ended."""
        done = [r for r in self.receipts(stream) if r.final and r.body.get("read") == 0]
        if not done:
            return {}
        last = max(done, key=lambda r: (r.body["window"]["end"], r.body["asked_at"]))
        held = last.body["cursor_after"]
        return dict(json.loads(self.store.get(held["object"]))) if set(held) == {"object"} else dict(held)

    def publish(self, log: Log, receipts: Iterable[Receipt]) -> None:
        """Append receipts to the ledger; those already there stay where they are."""
        log.append([canonical(receipt.body) for receipt in receipts])

    def _attempts(self, stream: str, window: Window, read: int) -> list[Receipt]:
        prefix = _prefix(stream, window, read)
        return [receipt for receipt in self.receipts(stream) if receipt.key.startswith(prefix)]

    def _finish(
        self,
        key: str,
        stream: str,
        now: datetime,
        sightings: list[Sighting],
        outcome: Outcome,
        extra: Mapping[str, Any],
    ) -> Receipt:
        body = {
            "kind": "receipt", "version": 1, "stream": stream, **extra, "asked_at": instant(now),
            "captures": len(sightings), "bytes": sum(s.size for s in sightings), 
            "cursor_after": self._inline(outcome.cursor), "totals": dict(outcome.totals),
            "gaps": [gap.as_json() for gap in outcome.gaps], "complete": outcome.complete, "collector": self._collector,
        }  # fmt: skip
        data = canonical(body)
        try:
            self.store.put(key, data, retain_until=self._retain_until)
        except IntegrityError:
            # Somebody collected the same window at the same time; theirs was first, and its captures are ours too.
            self._known.pop(stream, None)
            return next(r for r in self.receipts(stream) if r.key == key)
        receipt = Receipt(key, sha256(data), body)
        self.receipts(stream)
        self._known[stream][key] = receipt
        return receipt

    def _index(self, sightings: Iterable[Sighting]) -> str:
        return self._object("indexes", b"".join(canonical(s.as_json()) + b"\n" for s in sightings), ".ndjson")

    def _inline(self, cursor: Mapping[str, Any]) -> dict[str, Any]:
        data = canonical(dict(cursor))
        return dict(cursor) if len(data) <= _INLINE_CURSOR else {"object": self._object("cursors", data, ".json")}

    def _object(self, folder: str, data: bytes, suffix: str) -> str:
        digest = sha256(data)
        key = f"{folder}/{digest[:2]}/{digest}{suffix}"
        self.store.put(key, data, retain_until=self._retain_until)
        return key

    def _read(self, key: str) -> Receipt:
        data = self.store.get(key)
        return Receipt(key, sha256(data), json.loads(data))


class _Keeper:
    """Stores bodies and collects their sightings (evidence.sources.base.Keep)."""

    def __init__(self, store: Store, *, now: datetime, retain_until: datetime | None) -> None:
        self._store, self._now, self._retain_until = store, now, retain_until
        self.sightings: list[Sighting] = []

    def __call__(
        self,
        body: bytes,
        *,
        request: str,
        response: Mapping[str, Any],
        context: Mapping[str, Any] | None = None,
    ) -> Sighting:
        digest = sha256(body)
        self._store.put(capture_key(digest), body, retain_until=self._retain_until)
        return self._note(digest, len(body), request, response, context or {})

    def unchanged(
        self, capture: str, *, request: str, response: Mapping[str, Any], context: Mapping[str, Any]
    ) -> Sighting:
        return self._note(capture, len(self.body(capture)), request, {**response, "not_modified": True}, context)

    def body(self, capture: str) -> bytes:
        data = self._store.get(capture_key(capture))
        if sha256(data) != capture:
            raise IntegrityError(
                f"capture {capture} was read back with digest {sha256(data)}",
                next_step="The locker was edited: keep it as it is and compare with its copies.",
            )
        return data

    def _note(
        self, digest: str, size: int, request: str, response: Mapping[str, Any], context: Mapping[str, Any]
    ) -> Sighting:
        sighting = Sighting(digest, size, request, dict(context), dict(response), self._now, len(self.sightings))
        self.sightings.append(sighting)
        return sighting


def capture_key(digest: str) -> str:
    """Where the bytes of a capture lie in the store."""
    return f"captures/{digest[:2]}/{digest}"


def _prefix(stream: str, window: Window, read: int) -> str:
    start, end = (f"{t.astimezone(UTC):%Y%m%dT%H%M%SZ}" for t in (window.start, window.end))
    return f"receipts/{stream}/{start}_{end}_r{read}_"
