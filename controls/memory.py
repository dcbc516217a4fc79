"""A session over records in memory: the tables and views of a home, without locker and lake.

Cases of the catalogue and fast tests use it. Typing is the warehouse's own; what is left out is custody: a record's
capture is the digest of its stream's records, its receipt is empty.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from controls.scope import prepare
from evidence.canonical import sha256
from warehouse.build import CONSERVATION, CONSERVATION_COLUMNS, QUARANTINE, QUARANTINE_COLUMNS, table_columns
from warehouse.normalise import MACROS, shape_text, typed_select
from warehouse.redaction import use_key
from warehouse.sheets import sheet_of, sheets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from warehouse.sheets import Sheet

_STAGED = pa.schema([
    ("sighting", pa.int32()), ("receipt", pa.string()), ("page", pa.int64()), ("capture", pa.string()),
    ("collected_at", pa.timestamp("us", tz="UTC")), ("record", pa.int64()), ("body", pa.string()),
])  # fmt: skip


def session(
    records: Mapping[str, Sequence[Mapping[str, Any]]], scope: Mapping[str, Any], *, zone: str, now: datetime
) -> duckdb.DuckDBPyConnection:
    """A session ready for control questions.

    Args:
        records: alias or stream -> records, request context among their keys.
        scope: see `controls.scope`.
        zone: the company's IANA zone.
        now: when the records count as collected.
    """
    con = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
    con.execute("SET TimeZone = 'UTC'")
    con.execute(MACROS)
    use_key(con, b"cases")
    given = {sheet_of(name).stream: rows for name, rows in records.items()}
    for sheet in sheets().values():
        _table(con, sheet, given.get(sheet.stream, ()), now)
    for table, columns in ((CONSERVATION, CONSERVATION_COLUMNS), (QUARANTINE, QUARANTINE_COLUMNS)):
        con.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
    prepare(con, scope, zone=zone)
    return con


def _table(con: duckdb.DuckDBPyConnection, sheet: Sheet, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    columns = table_columns(sheet)
    proof = f"{{'stream': '{sheet.stream}', 'capture': capture, 'record': record}} AS evidence"
    if not rows:
        empty = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items())
        con.execute(f"CREATE TABLE {sheet.table} AS SELECT *, {proof} FROM (SELECT {empty}) WHERE false")  # noqa: S608
        return
    texts = list(dict.fromkeys(json.dumps(row) for row in rows))
    capture = sha256("\n".join(texts).encode())
    staged = [
        {"sighting": 0, "receipt": "", "page": 0, "capture": capture, "collected_at": now, "record": n, "body": text}
        for n, text in enumerate(texts)
    ]
    con.register("staged_rows", pa.Table.from_pylist(staged, schema=_STAGED))
    context = f"json_transform('{{}}', '{shape_text(sheet.context_shape)}') AS c"
    read = f"*, NULL::VARCHAR AS row_status, {context}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE staged AS SELECT {read} FROM staged_rows")  # noqa: S608 - a sheet's
    con.unregister("staged_rows")
    names = ", ".join(f'"{name}"' for name in columns if name != "row_status")
    later = "conflict" if sheet.mutability == "append_only" else "version"
    con.execute(
        f"CREATE TABLE {sheet.table} AS SELECT {names}, CASE WHEN row_number() OVER ("  # noqa: S608 - our own names
        f"PARTITION BY natural_key ORDER BY record) = 1 THEN 'first' ELSE '{later}' END AS row_status, {proof}"
        f" FROM ({typed_select(sheet)})"
    )
