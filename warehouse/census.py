"""What records look like: which fields and kinds a stream has ever shown, and since when.

- The census counts each capture once, by receipt; it is kept in the lake and taken on from there.
- A field or kind is *new* when it appeared later than `SETTLING` after the stream's first record, and not longer than
  `NEWS` ago: a source that changed its format says so by it. Fields that no column reads are kept in the locker all
  the same; the census says which they are.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from evidence.capture import instant
from warehouse.lines import LIMITS
from warehouse.normalise import MACROS, typed_select
from warehouse.published import append
from warehouse.redaction import redaction_key, use_key
from warehouse.sheets import sheets
from warehouse.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evidence.custody import Receipt
    from warehouse.home import Home
    from warehouse.sheets import Sheet

SETTLING = timedelta(days=7)
NEWS = timedelta(days=30)
# stream -> the column that says what kind of event a record is
KINDS = {"github.audit_log": "action", "kubernetes.audit": "verb", "vault.audit": "operation"}

_FIELDS = """
SELECT 'field' AS kind, name, min(collected_at) AS first_seen,
    arg_min(capture, (collected_at, capture, record)) AS capture,
    arg_min(record, (collected_at, capture, record)) AS record
FROM (SELECT unnest(json_keys(body)) AS name, collected_at, capture, record FROM staged)
GROUP BY name
"""
_KINDS = """
SELECT 'kind' AS kind, "{column}" AS name, min(collected_at), arg_min(capture, (collected_at, capture, record)),
    arg_min(record, (collected_at, capture, record))
FROM ({typed})
WHERE "{column}" IS NOT NULL
GROUP BY ALL
"""
_NEWS = """
WITH seen AS (
    SELECT stream, kind, name, min(first_seen) AS first_seen, arg_min(capture, first_seen) AS capture,
        arg_min(record, first_seen) AS record
    FROM evidence_census GROUP BY ALL
),
begun AS (SELECT stream, min(first_seen) AS since FROM seen GROUP BY stream)
SELECT stream, kind, name, first_seen, capture, record
FROM seen JOIN begun USING (stream)
WHERE first_seen > since + to_seconds($settling) AND first_seen > $now::TIMESTAMPTZ - to_seconds($news)
ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class News:
    """A field (`field`) or kind of event (`kind`) that a stream did not show before: since when, in which record."""

    stream: str
    kind: str
    name: str
    is_read: bool
    first_seen: datetime
    capture: str
    record: int

    def as_json(self) -> dict[str, Any]:
        """As `status --json` prints it."""
        return {
            "kind": self.kind, "name": self.name, "is_read": self.is_read, "first_seen": instant(self.first_seen),
            "capture": self.capture, "record": self.record,
        }  # fmt: skip


def take(home: Home, progress: Callable[[str], None] | None = None) -> int:
    """Count what was not counted yet; how many receipts that was.

    Args:
        progress: told the name of each stream before it is counted.
    """
    with home.connection() as asked:
        counted = {row[0] for row in asked.execute("SELECT receipt FROM evidence_census_receipts").fetchall()}
    scratch = home.path / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    total = 0
    for stream, sheet in sheets().items():
        pending = [receipt for receipt in home.custody.receipts(stream) if receipt.sha256 not in counted]
        if not pending:
            continue
        if progress:
            progress(stream)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            _count(home, sheet, pending, Path(folder))
        total += len(pending)
    return total


def news(con: duckdb.DuckDBPyConnection, now: datetime) -> list[News]:
    """What is new, per stream.

    Args:
        con: session with the base tables.
        now: the present, by the clock that collections go by.
    """
    given = {"now": now, "settling": SETTLING.total_seconds(), "news": NEWS.total_seconds()}
    return [
        News(stream, kind, name, kind == "kind" or is_read(sheets()[stream], name), *seen)
        for stream, kind, name, *seen in con.execute(_NEWS, given).fetchall()
    ]


def unread(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Per stream, the top-level fields that it has shown and no column reads."""
    found: dict[str, list[str]] = {}
    query = "SELECT DISTINCT stream, name FROM evidence_census WHERE kind = 'field' ORDER BY ALL"
    for stream, name in con.execute(query).fetchall():
        if not is_read(sheets()[stream], name):
            found.setdefault(stream, []).append(name)
    return found


def is_read(sheet: Sheet, name: str) -> bool:
    """Whether a column reads a top-level field; a sheet that keeps the whole record reads what its columns name."""
    roots = {item.split(".")[0] for item in sheet.items} | {
        path.removeprefix("$.").split(".")[0] for path in sheet.inner
    }
    return name in sheet.record_shape or name in sheet.context_shape or name in roots


def _count(home: Home, sheet: Sheet, receipts: Sequence[Receipt], scratch: Path) -> None:
    with duckdb.connect(config={**LIMITS, "temp_directory": str(scratch)}) as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(MACROS)
        use_key(con, redaction_key(home.path))
        Staging(con, home.custody, receipts, sheet, scratch)
        rows = _rows(con, sheet)
    append(home.lake, "evidence_census", rows)
    done = [{"stream": sheet.stream, "receipt": receipt.sha256} for receipt in receipts]
    append(home.lake, "evidence_census_receipts", done)  # last: a count that died before it is taken again


def _rows(con: duckdb.DuckDBPyConnection, sheet: Sheet) -> list[dict[str, object]]:
    query = _FIELDS
    if column := KINDS.get(sheet.stream):
        query += f" UNION ALL {_KINDS.format(column=column, typed=typed_select(sheet))}"
    names = ("kind", "name", "first_seen", "capture", "record")
    return [{"stream": sheet.stream, **dict(zip(names, row, strict=True))} for row in con.execute(query).fetchall()]
