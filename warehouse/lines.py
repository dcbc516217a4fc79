"""Lay a large capture of plain NDJSON out line by line in DuckDB, without a step in Python for each row.

- Only where there is no doubt: it begins with `{`, its first lines are documents, every line is one JSON value.
  DuckDB's reader refuses the file at the first line that is none; then `warehouse.forms` reads the capture.
- A record's text and number are the same on both ways.
- The lines are copied once into a scratch Parquet file: its row numbers are the record numbers, and what reads it can
  use every processor, which numbering the lines of a text cannot.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from evidence.custody import capture_key
from warehouse.blocks import split_lines
from warehouse.forms import is_ndjson, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from evidence.custody import Custody
    from warehouse.forms import Bad, Record

LINES_FROM = 1 << 20  # bytes; smaller captures are split faster than a scan is set up
BLOCKS_FROM = 1 << 26  # bytes; what is larger is split block by block, if it is one of lines
LIMITS: dict[str, Any] = {"threads": 2, "memory_limit": "1GB"}  # of every DuckDB session that builds
_HEAD = 1 << 18  # bytes in which the first three lines must end
_LINES = 3
_MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}  # how compressed files begin
# Small row groups: little memory for each.
_COPY = """
COPY (SELECT CAST(json AS VARCHAR) AS body FROM read_ndjson_objects('{source}'))
TO '{target}' (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE 20_000)
"""


def lines_file(custody: Custody, capture: str, size: int, scratch: Path) -> Path | None:
    """A scratch file with the capture's lines, for `lines_query`; None if the capture has, or hides, another form.

    Args:
        size: of the capture, in bytes.
        scratch: folder for the scratch file.
    """
    if size < LINES_FROM:
        return None
    path = _plain(custody, capture, scratch)
    with path.open("rb") as file:
        head = file.read(_HEAD).decode("utf-8", "replace")
    if not head.startswith("{") or head.count("\n") < _LINES or not is_ndjson(head):
        return None
    target = scratch / f"{capture}.parquet"
    try:
        with duckdb.connect(config=LIMITS) as con:
            con.execute("SET enable_progress_bar = false")
            con.execute(_COPY.format(source=str(path).replace("'", "''"), target=target))
    except duckdb.Error:
        return None  # some line is no JSON: the slow way says which, and why
    return target


def parts_of(custody: Custody, capture: str, wrappers: Sequence[str], scratch: Path) -> Iterator[Record | Bad]:
    """Every record of a capture, good or bad, the careful way; a large one of lines is not held in memory."""
    key = capture_key(capture)
    if custody.store.local_path(key).stat().st_size >= BLOCKS_FROM:
        with _plain(custody, capture, scratch).open("rb") as file:
            parts = split_lines(file, wrappers=wrappers)
            if parts is not None:
                yield from parts
                return
    yield from split(custody.store.get(key), wrappers=wrappers)


def lines_query(path: Path) -> str:
    """A query for `record` and `body` of every line in a scratch file."""
    return f"SELECT file_row_number AS record, body FROM read_parquet('{path}', file_row_number = true)"  # noqa: S608


def _plain(custody: Custody, capture: str, scratch: Path) -> Path:
    """A local file of the capture's bytes, decompressed into the scratch folder where they are compressed."""
    path = custody.store.local_path(capture_key(capture))
    with path.open("rb") as file:
        magic = file.read(4)
    kind = next((kind for kind, start in _MAGIC.items() if magic.startswith(start)), None)
    if kind is None:
        return path
    target = scratch / f"{capture}.ndjson"
    try:
        with pa.CompressedInputStream(pa.OSFile(str(path)), kind) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    except (OSError, EOFError, pa.ArrowException):
        return path  # damaged: the slow way says what is wrong
    return target
