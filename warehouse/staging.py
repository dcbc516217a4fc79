"""Lay captures out as records: one row per record and sighting, or a row in the quarantine.

- A capture that was seen several times is split once. What cannot be read, or is no JSON object, is quarantined with
  reason and position; it is counted with the sighting that brought it.
- A listing (`_listing` in its context) only told the connector what to ask for next: it is kept as a capture, and its
  items are no records of the stream.
- A large capture of plain NDJSON does not pass through Python row by row (`warehouse.lines`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from evidence.canonical import canonical
from evidence.custody import capture_key
from warehouse.forms import Record, why_not
from warehouse.lines import LIMITS, lines_file, lines_query, parts_of
from warehouse.normalise import shape_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from evidence.capture import Sighting
    from evidence.custody import Custody, Receipt
    from warehouse.sheets import Sheet

_SIGHTINGS = pa.schema([
    ("sighting", pa.int32()), ("receipt", pa.string()), ("page", pa.int64()), ("capture", pa.string()),
    ("context", pa.string()), ("collected_at", pa.timestamp("us", tz="UTC")),
])  # fmt: skip
_RECORDS = pa.schema(
    [("capture", pa.string()), ("record", pa.int64()), ("position", pa.int64()), ("body", pa.string())]
)
_BAD = pa.schema([("capture", pa.string()), ("record", pa.int64()), ("position", pa.int64()), ("reason", pa.string())])
_BATCH = 4_000  # records a batch; bounds memory at batch x record size


class Staging:
    """The records of some receipts of one stream, as relations of a DuckDB session.

    `sightings`: sighting (order of arrival), receipt, page, capture, context, collected_at.
    `staged`: sighting, receipt, page, capture, collected_at, c (parsed context), row_status (empty), record, body.
    `unreadable`: sighting, record, position, reason.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, custody: Custody, receipts: Sequence[Receipt], sheet: Sheet, scratch: Path
    ) -> None:
        self._con, self._custody, self._sheet, self._scratch = con, custody, sheet, scratch
        self._seen = _in_order(custody, receipts)
        sizes = {sighting.capture: sighting.size for _, sighting in self._seen}
        found = {capture: lines_file(custody, capture, size, scratch) for capture, size in sorted(sizes.items())}
        self._lines: dict[str, Path] = {capture: path for capture, path in found.items() if path}
        rows = [_row(number, *pair) for number, pair in enumerate(self._seen)]
        _create(con, "sightings", pa.Table.from_pylist(rows, schema=_SIGHTINGS))
        _create(con, "split_records", _RECORDS.empty_table())
        _create(con, "split_bad", _BAD.empty_table())
        self._split([capture for capture in sizes if capture not in self._lines])
        self._lay_out()

    def distrust(self, captures: Iterable[str]) -> bool:
        """Split those of these captures whose lines are taken as they are; whether there are any."""
        doubted = [capture for capture in captures if capture in self._lines]
        for capture in doubted:
            del self._lines[capture]
        if doubted:
            self._split(doubted)
            self._lay_out()
        return bool(doubted)

    def _split(self, captures: Iterable[str]) -> None:
        for table, batch in _batches(self._custody, captures, self._sheet, self._scratch):
            self._con.register("batch", batch)
            self._con.execute(f"INSERT INTO {table} FROM batch")
            self._con.unregister("batch")
        refused = self._con.execute(_NO_OBJECT).fetchall()
        bad = [(capture, record, position, why_not(body)) for capture, record, position, body in refused]
        if bad:
            self._con.executemany("INSERT INTO split_bad VALUES (?, ?, ?, ?)", bad)
            self._con.execute(_DROP_REFUSED)

    def _lay_out(self) -> None:
        shape = shape_text(self._sheet.context_shape)
        parts = [_STAGED_SPLIT.format(shape=shape)]
        for number, (receipt, sighting) in enumerate(self._seen):
            if path := self._lines.get(sighting.capture):
                constants = {
                    "sighting": f"{number}::INTEGER",
                    "receipt": f"'{receipt.sha256}'",
                    "page": f"{sighting.page}::BIGINT",
                    "capture": f"'{sighting.capture}'",
                    "collected_at": f"'{sighting.fetched_at.isoformat()}'::TIMESTAMPTZ",
                    "c": f"json_transform('{_context(sighting).replace(chr(39), chr(39) * 2)}', '{shape}')",
                    "row_status": "CAST(NULL AS VARCHAR)",
                }
                columns = ", ".join(f"{value} AS {name}" for name, value in constants.items())
                parts.append(f"SELECT {columns}, record, body FROM ({lines_query(path)})")  # noqa: S608 - our own names
        self._con.execute("CREATE OR REPLACE TEMP VIEW staged AS " + "\nUNION ALL\n".join(parts))
        self._con.execute(_UNREADABLE)


def record_texts(
    custody: Custody, sheet: Sheet, wanted: Mapping[str, set[int]], scratch: Path
) -> dict[tuple[str, int], str]:
    """The texts of some records of captures that are in the tables already, by capture and record number."""
    found: dict[tuple[str, int], str] = {}
    for capture, records in wanted.items():
        size = custody.store.local_path(capture_key(capture)).stat().st_size
        path = lines_file(custody, capture, size, scratch)
        rows: list[tuple[int, str]] = []
        if path:
            query = f"SELECT record, body FROM ({lines_query(path)}) WHERE record IN (SELECT unnest($records))"  # noqa: S608
            with duckdb.connect(config=LIMITS) as con:
                rows = con.execute(query, {"records": sorted(records)}).fetchall()
        if len(rows) != len(records):
            parts = parts_of(custody, capture, sheet.items, scratch)
            rows = [(p.number, p.text) for p in parts if isinstance(p, Record) and p.number in records]
        found |= {(capture, record): text for record, text in rows}
    return found


def _in_order(custody: Custody, receipts: Sequence[Receipt]) -> list[tuple[Receipt, Sighting]]:
    """Every sighting with its receipt, in the order of arrival."""
    pairs = [
        (receipt, sighting)
        for receipt in receipts
        for sighting in custody.sightings(receipt)
        if _holds_records(sighting)
    ]
    return sorted(pairs, key=lambda pair: (pair[1].fetched_at, pair[0].sha256, pair[1].page))


def _holds_records(sighting: Sighting) -> bool:
    """Whether the answer is one: no listing, and not one that the connector found unusable and asked for again."""
    return not sighting.context.get("_listing") and not sighting.response.get("unusable")


def _row(number: int, receipt: Receipt, sighting: Sighting) -> dict[str, object]:
    return {
        "sighting": number, "receipt": receipt.sha256, "page": sighting.page, "capture": sighting.capture,
        "context": _context(sighting), "collected_at": sighting.fetched_at,
    }  # fmt: skip


def _context(sighting: Sighting) -> str:
    return canonical(dict(sighting.context)).decode()


def _create(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    con.register("rows_arrow", rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM rows_arrow")
    con.unregister("rows_arrow")


def _batches(custody: Custody, captures: Iterable[str], sheet: Sheet, scratch: Path) -> Iterator[tuple[str, pa.Table]]:
    good: list[dict[str, object]] = []
    bad: list[dict[str, object]] = []
    for capture in captures:
        if sheet.document and not custody.store.local_path(capture_key(capture)).stat().st_size:
            reason = "the file is empty where a document is expected"
            bad.append({"capture": capture, "record": 0, "position": 0, "reason": reason})
        for item in parts_of(custody, capture, sheet.items, scratch):
            row = {"capture": capture, "record": item.number, "position": item.offset}
            if isinstance(item, Record):
                good.append(row | {"body": item.text})
            else:
                bad.append(row | {"reason": item.reason})
            if len(good) >= _BATCH:
                yield "split_records", pa.Table.from_pylist(good, schema=_RECORDS)
                good = []
            if len(bad) >= _BATCH:
                yield "split_bad", pa.Table.from_pylist(bad, schema=_BAD)
                bad = []
    yield "split_records", pa.Table.from_pylist(good, schema=_RECORDS)
    yield "split_bad", pa.Table.from_pylist(bad, schema=_BAD)


_OBJECT = "starts_with(body, '{') AND json_valid(body)"
_NO_OBJECT = f"SELECT capture, record, position, body FROM split_records WHERE NOT ({_OBJECT})"  # noqa: S608
_DROP_REFUSED = f"DELETE FROM split_records WHERE NOT ({_OBJECT})"  # noqa: S608

_STAGED_SPLIT = """
SELECT s.sighting, s.receipt, s.page, s.capture, s.collected_at, json_transform(s.context, '{shape}') AS c,
    CAST(NULL AS VARCHAR) AS row_status, r.record, r.body
FROM split_records AS r
JOIN sightings AS s USING (capture)
"""

_UNREADABLE = """
CREATE OR REPLACE TEMP TABLE unreadable AS
SELECT s.sighting, b.record, b.position, b.reason
FROM split_bad AS b
JOIN sightings AS s USING (capture)
"""
