"""Custody: what was asked, what was received, what is missing. Bytes before meaning.

- The order of writing is the order of trust: captures, their index, the receipt, the ledger leaf. A crash between
  two steps leaves bytes without a receipt; asking again stores the same bytes once and finishes.
- A window that was received as far as it can be is not asked again; a planned re-read is a receipt of its own.
- A window that was not received whole has a receipt too, with its gaps; a later attempt gets the next number.
- Two collections of one window at once do no harm: the receipt is write-once, the second one finds the first's.
- Never inside another `store.batch()`: a receipt must not become durable together with what it vouches for.

Layout in the store::

    captures/9f/9f86d0…              bytes as received
    indexes/3b/3b5d3c….ndjson        one sighting a line (evidence.capture.Sighting)
    receipts/github.reviews/20260701T040000Z_20260702T040000Z_r0_a0.json     canonical JSON (evidence.receipts)
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from evidence.canonical import canonical, file_sha256, sha256
from evidence.capture import Outcome, Sighting, instant
from evidence.errors import ConfigError, IntegrityError
from evidence.keeper import Keeper
from evidence.ledger.batches import check_statement
from evidence.objects import Objects, capture_key
from evidence.receipts import (
    COLLECTOR,
    Receipt,
    check_stream,
    checked_name,
    file_key,
    inline,
    outcome_facts,
    parse_receipt,
    read_gaps,
    read_inline,
    receipt_prefix,
)
from evidence.record_roots import receipt_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from evidence.capture import Gap, Window
    from evidence.record_roots import RecordsOf
    from evidence.sources.base import Source
    from evidence.stores.base import Store

__all__ = ["Custody", "Log", "Receipt", "capture_key"]


class Log(Protocol):
    """Where receipts are published: see evidence.ledger.log."""

    def append(self, statements: Sequence[bytes]) -> Sequence[int]:
        """Append what is not there yet; the index of each."""
        ...


class Custody:
    """The evidence locker: a store, the receipts in it, and the ledger that they are published to.

    Args:
        store: where bytes are kept.
        collector: who collects: name, version, code commit; part of every receipt.
        retain_until: retention put on every object that is stored from now on.
        records_of: of which streams single records are to be provable (evidence.record_roots); None: of none.
    """

    def __init__(
        self,
        store: Store,
        *,
        collector: Mapping[str, str],
        retain_until: datetime | None = None,
        records_of: RecordsOf | None = None,
    ) -> None:
        self.store = store
        self._records_of = records_of
        self._objects = Objects(store, retain_until)
        self._collector = dict(collector)
        self._retain_until = retain_until
        self._known: dict[str, Receipt] = {}  # receipts never change, so that one that was read stays true
        if len(canonical(self._collector)) > COLLECTOR:
            raise ConfigError(f"what is said of the collector is longer than {COLLECTOR} bytes")

    # Reading.

    def receipts(self, stream: str | None = None) -> list[Receipt]:
        """Receipts of one stream or of all, in the order of their keys, as the store has them now."""
        if stream is not None:
            check_stream(stream)
        return [self._receipt(key) for key in self.store.list(f"receipts/{stream}/" if stream else "receipts/")]

    def sightings(self, receipt: Receipt) -> Iterator[Sighting]:
        """The sightings that a receipt counts, in their order."""
        for line in self._objects.get(receipt.body["index"]).splitlines():
            item = json.loads(line)
            yield Sighting(**{**item, "fetched_at": datetime.fromisoformat(item["fetched_at"])})

    def body(self, capture: str) -> bytes:
        """The bytes of a capture; `IntegrityError` if they are no longer those that were received."""
        return self._objects.get(capture_key(capture))

    def check(self, capture: str) -> None:
        """Raise `IntegrityError` if the bytes of a capture are not those that it names; of any size."""
        self._objects.check(capture_key(capture))

    def gaps(self, receipt: Receipt) -> tuple[Gap, ...]:
        """Every gap of a receipt, also where they are too many to stand in it."""
        return read_gaps(self._objects, receipt)

    def totals(self, receipt: Receipt) -> dict[str, int]:
        """What the source itself claimed, also where it is too long to stand in the receipt."""
        return read_inline(self._objects, receipt.body["totals"])

    def holds(self, stream: str, window: Window, *, read: int = 0) -> bool:
        """Whether a window was received as far as it can be."""
        return any(receipt.final for receipt in self.attempts(stream, window, read))

    def attempts(self, stream: str, window: Window, read: int = 0) -> list[Receipt]:
        """The receipts of one read of one window: some that were not final, then at most one that was."""
        prefix, found = receipt_prefix(stream, window, read), list[Receipt]()
        while not (found and found[-1].final):
            key = f"{prefix}a{len(found)}.json"
            if key not in self._known and not self.store.exists(key):
                break
            found.append(self._receipt(key))
        return found

    def cursor(self, stream: str) -> dict[str, Any]:
        """Where the last first-read of `stream` that was received as far as possible ended, whatever its window was.

        A cursor continues the one before it, as a position in a file does: what counts is the order of asking.
        """
        return self._cursor(self._first_reads(stream))

    # Collecting.

    def collect(self, source: Source, stream: str, window: Window, *, now: datetime, read: int = 0) -> Receipt:
        """Ask `source` for one stream and window, unless it was received as far as it can be before.

        Args:
            read: 0 for the first asking; 1, 2, … for the planned re-reads that look for late arrivals.

        Raises:
            SourceUnavailable, SourceRejected: nothing counts as received; what was stored is found again next time.
            StoreError: the same.
        """
        check_stream(stream)
        asked_at = instant(now)
        earlier = self.attempts(stream, window, read)
        if earlier and earlier[-1].final:
            return earlier[-1]
        before = self._first_reads(stream) if read == 0 else []
        cursor = self._cursor(before)
        keeper = self._keeper(stream, now, imported=False)
        with self.store.batch():
            outcome = source.collect(stream, window, cursor=cursor, now=now, keep=keeper)
            body = {
                **self._body(stream, asked_at, keeper),
                **outcome_facts(self._objects, stream, outcome),
                "window": window.as_json(), "read": read, "sequence": len(before),
                "cursor_before": inline(self._objects, "cursors", cursor),
            }  # fmt: skip
        prefix = receipt_prefix(stream, window, read)
        attempt = len(earlier)
        while True:
            mine = {**body, "attempt": attempt}
            receipt = self._put(f"{prefix}a{attempt}.json", mine)
            if receipt.final or receipt.sha256 == sha256(canonical(mine)):
                return receipt
            attempt += 1  # somebody else's attempt at the same time got less: ours is the next

    def keep_file(self, stream: str, path: Path, *, name: str, now: datetime) -> Receipt:
        """Take one file of any size that somebody exported; the same bytes under the same name are taken once.

        Args:
            name: what the receipt calls the file (a path relative to what the user named).

        Raises:
            ConfigError: a name that is too long for a receipt.
            OSError: the file cannot be read.
        """
        check_stream(stream)
        name = checked_name(name)
        digest = file_sha256(path)
        key = file_key(stream, name, digest)
        if self.store.exists(key):
            return self._receipt(key)
        keeper = self._keeper(stream, now, imported=True)
        with self.store.batch():
            keeper.file(path, digest, name=name)
            body = {
                **self._body(stream, instant(now), keeper),
                **outcome_facts(self._objects, stream, Outcome()),
                "file": name,
            }
        return self._put(key, body)

    def publish(self, log: Log, receipts: Iterable[Receipt]) -> None:
        """Append receipts to the ledger; those already there stay where they are."""
        log.append([canonical(receipt.body) for receipt in receipts])

    # What the steps need.

    def _first_reads(self, stream: str) -> list[Receipt]:
        return [receipt for receipt in self.receipts(stream) if receipt.first_read]

    def _cursor(self, first_reads: Iterable[Receipt]) -> dict[str, Any]:
        """`sequence` counts the first reads that were there before, which tells the order of asking without a clock."""
        done = [receipt for receipt in first_reads if receipt.final]
        if not done:
            return {}
        last = max(done, key=lambda r: (r.body["sequence"], r.asked_at, r.body["window"]["end"]))
        return read_inline(self._objects, last.body["cursor_after"])

    def _keeper(self, stream: str, now: datetime, *, imported: bool) -> Keeper:
        records = None if self._records_of is None else self._records_of(stream, imported=imported)
        return Keeper(self._objects, now=now, records=records)

    def _body(self, stream: str, asked_at: str, keeper: Keeper) -> dict[str, Any]:
        """Store the index, and say what every receipt says."""
        sightings = keeper.sightings
        index = b"".join(canonical(s.as_json()) + b"\n" for s in sightings)
        return {
            "kind": "receipt", "version": 1, "stream": stream, "asked_at": asked_at, "collector": self._collector,
            "captures": len(sightings), "bytes": sum(s.size for s in sightings),
            "index": self._objects.put("indexes", index, ".ndjson"), **receipt_facts(keeper.roots),
        }  # fmt: skip

    def _put(self, key: str, body: Mapping[str, Any]) -> Receipt:
        """Put a receipt; the one that lies there if somebody collected the same at the same time and was first."""
        data = canonical(dict(body))
        check_statement(data)
        try:
            self.store.put(key, data, retain_until=self._retain_until)
        except IntegrityError:
            theirs = self._receipt(key)  # which raises unless it is a whole receipt; its captures are ours too
            if any(theirs.body.get(name) != body.get(name) for name in ("window", "read", "attempt", "file")):
                raise
            return theirs
        self._known[key] = Receipt(key, sha256(data), json.loads(data))
        return self._known[key]

    def _receipt(self, key: str) -> Receipt:
        if key not in self._known:
            self._known[key] = parse_receipt(key, self.store.get(key))
        return self._known[key]
