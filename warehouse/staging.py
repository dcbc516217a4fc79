"""Lay captures out as records: one row per record and sighting, or a row in the quarantine.

A capture that was seen several times is split once. What cannot be read, or is no JSON object, is quarantined with
reason and position; it is counted with the sighting that brought it. A listing (`_listing` in its context) only told
the connector what to ask for next: it is kept as a capture, and its items are no records of the stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from evidence.canonical import canonical
from evidence.custody import capture_key
from warehouse.forms import Record, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

    from evidence.capture import Sighting
    from evidence.custody import Custody, Receipt
    from warehouse.sheets import Sheet

_SIGHTINGS = pa.schema([
    ("receipt", pa.string()), ("page", pa.int64()), ("capture", pa.string()), ("context", pa.string()),
    ("request", pa.string()), ("collected_at", pa.timestamp("us", tz="UTC")),
])  # fmt: skip
_RECORDS = pa.schema([("capture", pa.string()), ("record", pa.int64()), ("body", pa.string())])
_BAD = pa.schema([("capture", pa.string()), ("record", pa.int64()), ("position", pa.int64()), ("reason", pa.string())])
_BATCH = 4_000  # records a batch; bounds memory at batch x record size


def stage(con: duckdb.DuckDBPyConnection, custody: Custody, receipts: Sequence[Receipt], sheet: Sheet) -> None:
    """Fill the temporary tables `sightings`, `staged` and `unreadable` with what `receipts` brought.

    `staged`: receipt, page, capture, record, body, context, collected_at, content_sha256.
    `unreadable`: receipt, page, capture, record, position, reason, collected_at.
    """
    pairs = [
        (receipt, sighting)
        for receipt in receipts
        for sighting in custody.sightings(receipt)
        if not sighting.context.get("_listing")
    ]
    seen = pa.Table.from_pylist([_row(receipt, sighting) for receipt, sighting in pairs], schema=_SIGHTINGS)
    con.register("sightings_arrow", seen)
    con.execute("CREATE OR REPLACE TEMP TABLE sightings AS FROM sightings_arrow")
    con.execute("CREATE OR REPLACE TEMP TABLE split_records (capture VARCHAR, record BIGINT, body VARCHAR)")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE split_bad (capture VARCHAR, record BIGINT, position BIGINT, reason VARCHAR)"
    )
    for table, batch in _batches(custody, sorted({s.capture for _, s in pairs}), sheet):
        con.register("batch", batch)
        con.execute(f"INSERT INTO {table} FROM batch")
        con.unregister("batch")
    con.unregister("sightings_arrow")
    con.execute(_STAGE)
    con.execute(_UNREADABLE)


def _row(receipt: Receipt, sighting: Sighting) -> dict[str, object]:
    return {
        "receipt": receipt.sha256, "page": sighting.page, "capture": sighting.capture, "request": sighting.request,
        "context": canonical(dict(sighting.context)).decode(), "collected_at": sighting.fetched_at,
    }  # fmt: skip


def _batches(custody: Custody, captures: Sequence[str], sheet: Sheet) -> Iterator[tuple[str, pa.Table]]:
    good: list[dict[str, object]] = []
    bad: list[dict[str, object]] = []
    for capture in captures:
        data = custody.store.get(capture_key(capture))
        if sheet.document and not data:
            reason = "the file is empty where a document is expected"
            bad.append({"capture": capture, "record": 0, "position": 0, "reason": reason})
        for item in split(data, wrappers=sheet.items):
            if isinstance(item, Record):
                good.append({"capture": capture, "record": item.number, "body": item.text})
            else:
                bad.append({"capture": capture, "record": item.number, "position": item.offset, "reason": item.reason})
            if len(good) >= _BATCH:
                yield "split_records", pa.Table.from_pylist(good, schema=_RECORDS)
                good = []
    yield "split_records", pa.Table.from_pylist(good, schema=_RECORDS)
    yield "split_bad", pa.Table.from_pylist(bad, schema=_BAD)


_STAGE = """
CREATE OR REPLACE TEMP TABLE staged AS
SELECT s.receipt, s.page, s.capture, s.context, s.collected_at, r.record, r.body, sha256(r.body) AS content_sha256
FROM sightings AS s
JOIN split_records AS r USING (capture)
WHERE json_valid(r.body) AND json_type(r.body) = 'OBJECT'
"""

_UNREADABLE = """
CREATE OR REPLACE TEMP TABLE unreadable AS
SELECT s.receipt, s.page, s.capture, s.collected_at, b.record, b.position, b.reason
FROM sightings AS s
JOIN (
    FROM split_bad
    UNION ALL
    SELECT capture, record, 0,
        CASE WHEN json_valid(body) THEN 'a ' || lower(json_type(body)) || ' where an object is expected'
             ELSE 'text that is no JSON by the standard' END
    FROM split_records
    WHERE NOT json_valid(body) OR json_type(body) <> 'OBJECT'
) AS b USING (capture)
"""
