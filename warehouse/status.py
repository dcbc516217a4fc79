"""The state of a home: per stream freshness, gaps, late arrivals, quarantine and drift; the store and the ledger.

- *Late* is a record that only a planned re-read brought: how many, and how long after its event time at the most.
- With a simulated company the present is the last time that anything was asked: its clock stands still between runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from evidence.canonical import sha256
from evidence.capture import instant
from evidence.freshness import Freshness, freshness, hours
from evidence.gaps import GapRecord, gap_records
from evidence.ledger.heads import read
from evidence.sources.registry import streams_of
from warehouse import census
from warehouse.receipts import known_streams
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import duckdb

    from evidence.custody import Receipt
    from evidence.sources.base import Stream
    from warehouse.home import Home

_QUARANTINE = """
SELECT stream, count(*), arg_max(reason, collected_at) FROM evidence_quarantine GROUP BY stream
"""
_CONFLICTS = "SELECT stream, sum(conflict)::BIGINT FROM evidence_conservation GROUP BY stream HAVING sum(conflict) > 0"


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream.

    Attributes:
        fresh: see evidence.freshness.
        late: records that only a re-read brought.
        latest: how long after its event time the last of them came.
        quarantined: records that could not be stored; `reason` is the newest one's.
        conflicts: records that contradict an earlier one of the same key.
        news: fields and kinds of events that are new.
        unread: fields that no column reads.
        missing: its gap records.
    """

    fresh: Freshness
    late: int
    latest: timedelta
    quarantined: int
    reason: str
    conflicts: int
    news: tuple[census.News, ...]
    unread: tuple[str, ...]
    missing: tuple[GapRecord, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `status --json` prints it."""
        return {
            **self.fresh.as_json(), "late": self.late, "latest_hours": hours(self.latest),
            "quarantined": self.quarantined, "quarantine_reason": self.reason, "conflicts": self.conflicts,
            "drift": [item.as_json() for item in self.news], "unread_fields": list(self.unread),
            "gap_records": [gap.as_json() for gap in self.missing],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Status:
    """A home as of an instant; store and ledger as names and values."""

    as_of: datetime
    store: Mapping[str, Any]
    ledger: Mapping[str, Any]
    streams: tuple[StreamStatus, ...]

    def as_json(self) -> dict[str, Any]:
        """As `status --json` prints it."""
        return {
            "as_of": instant(self.as_of), "store": dict(self.store), "ledger": dict(self.ledger),
            "streams": [stream.as_json() for stream in self.streams],
        }  # fmt: skip


def status(home: Home, *, now: datetime, progress: Callable[[str], None] | None = None) -> Status:
    """The state of `home`; the census is taken on first.

    Args:
        home: whose receipts, tables and ledger are looked at.
        now: the present.
        progress: told the name of each stream whose records are counted for the census.
    """
    receipts: dict[str, list[Receipt]] = {}
    for receipt in home.custody.receipts():
        receipts.setdefault(receipt.stream, []).append(receipt)
    census.take(home, progress)
    planned = streams_of(home.config.sources)
    as_of = present(home, (r for held in receipts.values() for r in held), now)
    with home.connection() as con:
        found = _of_tables(con, receipts, as_of)
    found["missing"] = gap_records(receipts, known_streams(receipts) | planned)
    streams = tuple(
        _stream(name, receipts.get(name, []), planned.get(name), as_of, found)
        for name in sorted(receipts.keys() | planned.keys())
    )
    return Status(as_of, _store(home, receipts), _ledger(home, receipts), streams)


def present(home: Home, receipts: Iterable[Receipt], now: datetime) -> datetime:
    """Now, by the clock that collections go by."""
    if not home.config.clock.simulated:
        return now
    return max((receipt.asked_at for receipt in receipts if receipt.body.get("window")), default=now)


def _stream(
    name: str, receipts: Sequence[Receipt], planned: Stream | None, as_of: datetime, found: Mapping[str, Any]
) -> StreamStatus:
    lateness = planned.lateness if planned else timedelta(0)
    late, latest = found["late"].get(name, (0, timedelta(0)))
    quarantined, reason = found["quarantine"].get(name, (0, ""))
    return StreamStatus(
        freshness(name, receipts, now=as_of, lateness=lateness), late, latest, quarantined, reason,
        found["conflicts"].get(name, 0), tuple(n for n in found["news"] if n.stream == name),
        tuple(found["unread"].get(name, ())), tuple(gap for gap in found["missing"] if gap.stream == name),
    )  # fmt: skip


def _of_tables(
    con: duckdb.DuckDBPyConnection, receipts: Mapping[str, Sequence[Receipt]], as_of: datetime
) -> dict[str, Any]:
    late = {}
    for stream, held in receipts.items():
        rereads = [receipt.sha256 for receipt in held if receipt.body.get("read")]
        if rereads and stream in sheets():
            late[stream] = _late(con, stream, rereads)
    return {
        "late": late,
        "quarantine": {stream: (n, reason) for stream, n, reason in con.execute(_QUARANTINE).fetchall()},
        "conflicts": dict(con.execute(_CONFLICTS).fetchall()),
        "news": census.news(con, as_of),
        "unread": census.unread(con),
    }


def _late(con: duckdb.DuckDBPyConnection, stream: str, rereads: Sequence[str]) -> tuple[int, timedelta]:
    """Records that were first seen in a re-read; of an object that changes, its last change is what came late."""
    sheet = sheets()[stream]
    happened = sheet.version_order or sheet.event_time
    row = con.execute(
        f'SELECT count(*), max(collected_at - "{happened}") FROM {sheet.table}'  # noqa: S608 - a sheet's own names
        " WHERE row_status <> 'conflict' AND receipt IN (SELECT unnest($rereads))",
        {"rereads": list(rereads)},
    ).fetchone()
    count, latest = row or (0, None)
    return int(count), latest or timedelta(0)


def _store(home: Home, receipts: Mapping[str, Sequence[Receipt]]) -> dict[str, Any]:
    held = [receipt for some in receipts.values() for receipt in some]
    return {
        "url": home.config.store.url, "receipts": len(held),
        "captures": sum(int(receipt.body["captures"]) for receipt in held),
        "bytes": sum(int(receipt.body["bytes"]) for receipt in held),
        "retention_years": home.config.store.retention_years,
    }  # fmt: skip


def _ledger(home: Home, receipts: Mapping[str, Sequence[Receipt]]) -> dict[str, Any]:
    log = home.log
    note = log.latest()
    signed = read(note)[1].size if note else 0
    published = {sha256(entry) for entry in log.entries(0, log.size)}
    missing = sum(receipt.sha256 not in published for some in receipts.values() for receipt in some)
    return {
        "origin": log.origin, "statements": log.size, "checkpoint": signed, "unsigned": log.size - signed,
        "unpublished_receipts": missing,
    }  # fmt: skip
