"""Read a large capture of plain NDJSON line by line in DuckDB, without a step in Python for each row.

- Only where there is no doubt: it begins with `{`, its first lines are documents, every line is one JSON object.
  DuckDB's reader refuses the file at the first line that is none; then `warehouse.forms` reads the capture.
- A record's text and number are the same on both ways.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pyarrow as pa

from evidence.custody import capture_key
from warehouse.forms import is_ndjson

if TYPE_CHECKING:
    from pathlib import Path

    from evidence.custody import Custody

LINES_FROM = 1 << 20  # bytes; smaller captures are split faster than a scan is set up
_HEAD = 1 << 18  # bytes in which the first three lines must end


def lines_file(custody: Custody, capture: str, size: int, scratch: Path) -> Path | None:
    """A local file of plain NDJSON with the capture's lines, or None if the capture looks like another form.

    Args:
        size: of the capture, in bytes.
        scratch: folder for a decompressed copy.
    """
    if size < LINES_FROM:
        return None
    path = custody.store.local_path(capture_key(capture))
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b" or magic == b"\x28\xb5\x2f\xfd":
        path = _decompressed(path, magic, scratch / f"{capture}.ndjson")
    with path.open("rb") as file:
        head = file.read(_HEAD).decode("utf-8", "replace")
    return path if head.startswith("{") and head.count("\n") > 2 and is_ndjson(head) else None  # noqa: PLR2004


def lines_query(path: Path) -> str:
    """A query for `record` and `body` of every line."""
    name = str(path).replace("'", "''")
    return (
        f"SELECT row_number() OVER () - 1 AS record, CAST(json AS VARCHAR) AS body FROM read_ndjson_objects('{name}')"  # noqa: S608
    )


def _decompressed(path: Path, magic: bytes, target: Path) -> Path:
    kind = "gzip" if magic[:2] == b"\x1f\x8b" else "zstd"
    try:
        with pa.CompressedInputStream(pa.OSFile(str(path)), kind) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    except (OSError, EOFError, pa.ArrowException):
        return path  # damaged: the slow way says what is wrong
    return target
