"""What the receipts say, as tables of a session: `custody_partitions`, `custody_receipts`, `custody_gaps`.

- `custody_partitions`: per receipt and local day, whether it was received whole.
- `custody_receipts`: which read of which window each receipt is.
- `custody_gaps`: what is missing (`evidence.gaps`).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from evidence.capture import Gap
from evidence.freshness import holes, open_windows, window_of
from evidence.gaps import COLUMNS as GAPS
from evidence.gaps import gap_records
from evidence.periods import midnight
from evidence.sources.registry import names, streams_of
from warehouse.lake import arrow_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    import duckdb

    from evidence.custody import Receipt
    from evidence.sources.base import Stream

PARTITIONS: Mapping[str, str] = {
    "stream": "VARCHAR", "day": "DATE", "status": "VARCHAR", "reason": "VARCHAR", "receipt": "VARCHAR",
    "asked_at": "TIMESTAMPTZ",
}  # fmt: skip
RECEIPTS: Mapping[str, str] = {
    "receipt": "VARCHAR", "stream": "VARCHAR", "read": "BIGINT", "attempt": "BIGINT", "window_start": "TIMESTAMPTZ",
    "window_end": "TIMESTAMPTZ", "asked_at": "TIMESTAMPTZ", "complete": "BOOLEAN", "captures": "BIGINT",
}  # fmt: skip
TABLES: Mapping[str, Mapping[str, str]] = {
    "custody_partitions": PARTITIONS, "custody_receipts": RECEIPTS, "custody_gaps": GAPS
}  # fmt: skip
_TICK = timedelta(microseconds=1)


def add_custody(con: duckdb.DuckDBPyConnection, receipts: Sequence[Receipt], zone: str) -> None:
    """Make the tables; empty and typed where there is no receipt."""
    by_stream: dict[str, list[Receipt]] = {}
    for receipt in receipts:
        by_stream.setdefault(receipt.stream, []).append(receipt)
    rows: dict[str, Iterable[Mapping[str, object]]] = {
        "custody_partitions": (row for receipt in receipts for row in partitions(receipt, zone)),
        "custody_receipts": map(_row, receipts),
        "custody_gaps": (gap.as_row() for gap in gap_records(by_stream, known_streams(_broken(by_stream)))),
    }
    for table, columns in TABLES.items():
        con.register("custody_arrow", arrow_rows(list(rows[table]), columns))
        con.execute(f"CREATE TABLE {table} AS FROM custody_arrow")
        con.unregister("custody_arrow")


def _broken(by_stream: Mapping[str, Sequence[Receipt]]) -> set[str]:
    """The streams of which something is missing: only of these the connectors need to be loaded."""
    asked = {name: [receipt for receipt in held if receipt.body.get("window")] for name, held in by_stream.items()}
    return {name for name, held in asked.items() if open_windows(held) or holes(held)}


def known_streams(wanted: Collection[str]) -> dict[str, Stream]:
    """What the connectors say of these streams, as far as there are connectors for them."""
    systems = {name.split(".")[0] for name in wanted} & set(names())
    if any(name.startswith("git.") for name in wanted):
        systems.add("github")
    return streams_of(sorted(systems))


def _row(receipt: Receipt) -> dict[str, object]:
    start, end = window_of(receipt) if receipt.body.get("window") else (None, None)
    return {
        "receipt": receipt.sha256, "stream": receipt.stream, "read": receipt.body.get("read"),
        "attempt": receipt.body.get("attempt"), "window_start": start, "window_end": end,
        "asked_at": receipt.asked_at, "complete": receipt.complete, "captures": receipt.body["captures"],
    }  # fmt: skip


def partitions(receipt: Receipt, zone: str) -> Iterator[dict[str, object]]:
    """What one receipt says of the local days of its window: `complete`, or `partial` where a gap or failure touches.

    A gap outside the window makes the days partial that it touches; a collection that received less than was asked
    and can point to no day makes all its days partial. Imports of files have no window and say nothing: whoever
    exported a file states elsewhere what it covers.
    """
    if receipt.body.get("window") is None:
        return
    start, end = window_of(receipt)
    gaps = [Gap.from_json(told) for told in receipt.body["gaps"]]
    days = _days(start, end, zone)
    touched = {day: _causes(gaps, day, zone) for day in sorted({*days, *_days_of_gaps(gaps, zone)})}
    nowhere = not receipt.complete and not any(touched.values())
    for day, causes in touched.items():
        if day in days and not (start <= midnight(day, zone) and end >= midnight(day + timedelta(days=1), zone)):
            causes.append("the window covers a part of the day")
        if nowhere:
            causes.append("the collection did not finish")
        if causes and receipt.body["read"]:
            continue  # what a later look could not have again takes nothing from what the first one had
        yield {
            "stream": receipt.stream, "day": day, "status": "partial" if causes else "complete",
            "reason": "; ".join(causes), "receipt": receipt.sha256, "asked_at": receipt.asked_at,
        }  # fmt: skip


def _causes(gaps: list[Gap], day: date, zone: str) -> list[str]:
    """Why a day is not whole; a gap without a length, which only says where, touches the day that it lies in."""
    begin, finish = midnight(day, zone), midnight(day + timedelta(days=1), zone)
    return [gap.cause for gap in gaps if gap.start < finish and _end(gap) > begin]


def _days_of_gaps(gaps: list[Gap], zone: str) -> Iterator[date]:
    for gap in gaps:
        yield from _days(gap.start, _end(gap), zone)


def _end(gap: Gap) -> datetime:
    return max(gap.end, gap.start + _TICK)


def _days(start: datetime, end: datetime, zone: str) -> list[date]:
    """The local days that [start, end) touches."""
    first = start.astimezone(ZoneInfo(zone)).date()
    last = (end - _TICK).astimezone(ZoneInfo(zone)).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
