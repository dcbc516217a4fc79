"""Turn captures into tables: stage, type, tell duplicates from versions and conflicts, write, count.

- The unit of work is a receipt. A receipt is built when its counts stand in `evidence_conservation`.
- Same natural key and same content = duplicate: counted, not stored. Same key and other content = `version` where the
  source mutates its objects, else `conflict`: both stored. Content is equal if the JSON values are (key order, white
  space and request context apart).
- For every receipt, page and day: received = stored + duplicate + conflict + quarantined; `stored` has the versions.
- Building twice, or after a crash at any step, gives the same tables: rows of a receipt that are already there are
  counted as stored and not written again.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from evidence.canonical import sha256
from evidence.custody import capture_key
from warehouse.forms import Record, split
from warehouse.normalise import MACROS, typed_select
from warehouse.redaction import redaction_key, use_key
from warehouse.sheets import STORED_TYPE, SYSTEM_COLUMNS, Sheet, sheets
from warehouse.staging import stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from evidence.custody import Custody, Receipt
    from warehouse.lake import Lake

CONTEXT_KEYS = frozenset(
    {"_repo", "_branch", "_pull_number", "_issue", "_run_id", "_as_of", "_fetch", "_audit_device", "_s3"}
)

CONSERVATION = "evidence_conservation"
CONSERVATION_COLUMNS: Mapping[str, str] = {
    "stream": "VARCHAR", "receipt": "VARCHAR", "page": "BIGINT", "capture": "VARCHAR", "day": "DATE",
    "collected_at": "TIMESTAMPTZ", "received": "BIGINT", "stored": "BIGINT", "versions": "BIGINT",
    "duplicate": "BIGINT", "conflict": "BIGINT", "quarantined": "BIGINT",
}  # fmt: skip
QUARANTINE = "evidence_quarantine"
QUARANTINE_COLUMNS: Mapping[str, str] = {
    "stream": "VARCHAR", "receipt": "VARCHAR", "page": "BIGINT", "capture": "VARCHAR", "record": "BIGINT",
    "position": "BIGINT", "reason": "VARCHAR", "collected_at": "TIMESTAMPTZ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the records of some receipts."""

    received: int = 0
    stored: int = 0
    versions: int = 0
    duplicate: int = 0
    conflict: int = 0
    quarantined: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every record received is accounted for."""
        return self.received == self.stored + self.duplicate + self.conflict + self.quarantined


class Builder:
    """Builds the tables of a lake from the captures in a locker.

    Args:
        custody: the locker.
        lake: where tables are written.
        zone: the company's IANA time zone; days in the counts are its calendar days.
        scratch: folder for DuckDB's overflow.
    """

    def __init__(self, custody: Custody, lake: Lake, *, zone: str, scratch: Path) -> None:
        self._custody, self._lake, self._zone = custody, lake, zone
        self._con = duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": str(scratch)})
        self._con.execute("SET TimeZone = 'UTC'")
        self._con.execute(MACROS)
        use_key(self._con, redaction_key(lake.root.parent))
        self._built = self._built_receipts()

    def build(
        self, streams: Iterable[str] | None = None, progress: Callable[[str], None] | None = None
    ) -> dict[str, Counts]:
        """Build whatever is not built yet; the counts of what this call built, per stream.

        Args:
            streams: full stream names; None for every stream that has a sheet.
            progress: told the name of each stream before it is built.
        """
        done = {}
        for stream in sheets() if streams is None else streams:
            pending = [r for r in self._custody.receipts(stream) if r.sha256 not in self._built]
            if pending:
                if progress:
                    progress(stream)
                done[stream] = self._build(sheets()[stream], pending)
        return done

    def counts(self, receipt: str) -> Counts:
        """What became of the records of one receipt."""
        files = self._lake.files(CONSERVATION)
        if not files:
            return Counts()
        row = self._con.execute(
            "SELECT sum(received), sum(stored), sum(versions), sum(duplicate), sum(conflict), sum(quarantined)"
            " FROM read_parquet($files, hive_partitioning=false) WHERE receipt = $receipt",
            {"files": files, "receipt": receipt},
        ).fetchone()
        return Counts(*(int(n or 0) for n in row or ()))

    def _build(self, sheet: Sheet, receipts: Sequence[Receipt]) -> Counts:
        stage(self._con, self._custody, receipts, sheet)
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE typed AS {typed_select(sheet)}")
        self._refuse(sheet)
        self._mark(sheet)
        batch = sha256("".join(sorted(r.sha256 for r in receipts)).encode())[:32]
        self._write(sheet, batch)
        counts = self._account(sheet, receipts, batch)
        self._built.update(r.sha256 for r in receipts)
        return counts

    def _refuse(self, sheet: Sheet) -> None:
        """Quarantine what is no record of this stream."""
        for name in sheet.required:
            parameters = {"reason": f"no {name}: not a record of {sheet.stream}"}
            self._con.execute(
                "INSERT INTO unreadable SELECT receipt, page, capture, collected_at, record, 0, $reason"  # noqa: S608
                f' FROM typed WHERE "{name}" IS NULL',
                parameters,
            )
            self._con.execute(f'DELETE FROM typed WHERE "{name}" IS NULL')  # noqa: S608

    def _mark(self, sheet: Sheet) -> None:
        """Give every typed row its fate: `first`, `version`, `conflict`, `duplicate`, or `already` (stored before)."""
        self._con.execute("CREATE OR REPLACE TEMP TABLE known AS " + self._known(sheet))
        self._con.execute(_FATE)
        contested = self._con.execute(_CONTESTED).fetchall()
        later = "conflict" if sheet.mutability == "append_only" else "version"
        fates = [(fate, seq) for group in _groups(contested) for seq, fate in self._resolve(sheet, group, later)]
        if fates:
            self._con.executemany("UPDATE typed SET fate = ? WHERE seq = ?", fates)

    def _known(self, sheet: Sheet) -> str:
        """A query for the rows of the table whose key the batch has too."""
        files = self._lake.files(sheet.table)
        columns = "natural_key, content_sha256, receipt, capture, record, collected_at, row_status"
        if not files:
            return f"SELECT {columns} FROM typed WHERE false"  # noqa: S608 - names above
        self._con.execute("SET VARIABLE known_files = $files", {"files": files})
        return (
            f"SELECT {columns} FROM read_parquet(getvariable('known_files'), union_by_name=true, hive_partitioning=false)"  # noqa: S608
            " WHERE natural_key IN (SELECT natural_key FROM typed)"
        )

    def _resolve(self, sheet: Sheet, group: list[tuple[Any, ...]], later: str) -> list[tuple[int, str]]:
        """Fates of rows that share a key but not their bytes, in the order of their arrival."""
        seen: list[Any] = []
        fates = []
        for _, seq, capture, record, body in group:
            content = _content(body if body is not None else self._body(sheet, capture, record))
            if content in seen:
                fate = "duplicate"
            else:
                fate = later if seen else "first"
                seen.append(content)
            if seq is not None:
                fates.append((seq, fate))
        return fates

    def _body(self, sheet: Sheet, capture: str, record: int) -> str:
        for item in split(self._custody.store.get(capture_key(capture)), wrappers=sheet.items):
            if isinstance(item, Record) and item.number == record:
                return item.text
        raise LookupError(f"capture {capture} has no record {record}")

    def _write(self, sheet: Sheet, batch: str) -> None:
        columns = table_columns(sheet)
        names = ", ".join(f'"{name}"' for name in columns)
        query = (
            f"SELECT {names}, strftime({sheet.event_time}, '{_GRAIN[sheet.partition]}') AS part"  # noqa: S608
            " FROM typed WHERE fate IN ('first', 'version', 'conflict') ORDER BY seq"
        ).replace('"row_status"', "fate AS row_status")
        self._commit(sheet.table, columns, query, batch, partition=(sheet.event_time, sheet.partition))

    def _account(self, sheet: Sheet, receipts: Sequence[Receipt], batch: str) -> Counts:
        parameters = {"stream": sheet.stream, "zone": self._zone}
        self._con.execute(_COUNT.format(event_time=sheet.event_time), parameters)
        self._con.executemany(
            "INSERT INTO counted SELECT ?, ?, -1, NULL, NULL, ?::TIMESTAMPTZ, 0, 0, 0, 0, 0, 0",
            [(sheet.stream, r.sha256, r.body["asked_at"]) for r in receipts],
        )
        self._commit(
            QUARANTINE, QUARANTINE_COLUMNS,
            f"SELECT '{sheet.stream}' AS stream, receipt, page, capture, record, position, reason, collected_at"  # noqa: S608
            " FROM unreadable ORDER BY ALL",
            batch,
        )  # fmt: skip
        self._commit(CONSERVATION, CONSERVATION_COLUMNS, "FROM counted ORDER BY ALL", f"{sheet.table}-{batch}")
        row = self._con.execute(
            "SELECT sum(received), sum(stored), sum(versions), sum(duplicate), sum(conflict), sum(quarantined)"
            " FROM counted"
        ).fetchone()
        return Counts(*(int(n or 0) for n in row or ()))

    def _commit(
        self, table: str, columns: Mapping[str, str], query: str, batch: str, partition: tuple[str, str] | None = None
    ) -> None:
        folder = self._lake.data_folder(table) / batch
        shutil.rmtree(folder, ignore_errors=True)  # of a build that died before its commit
        folder.mkdir(parents=True)
        if partition is None:
            self._con.execute(f"COPY ({query}) TO '{folder / 'rows.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
            files = [folder / "rows.parquet"] if self._rows(folder / "rows.parquet") else []
        else:
            self._con.execute(f"COPY ({query}) TO '{folder}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (part))")
            files = sorted(folder.rglob("*.parquet"))
        self._lake.add(table, columns, files, partition=partition)

    def _rows(self, file: Path) -> int:
        row = self._con.execute("SELECT count(*) FROM read_parquet($file)", {"file": str(file)}).fetchone()
        return int(row[0]) if row else 0

    def _built_receipts(self) -> set[str]:
        files = self._lake.files(CONSERVATION)
        if not files:
            return set()
        rows = self._con.execute("SELECT DISTINCT receipt FROM read_parquet($files, hive_partitioning=false)", {"files": files}).fetchall()
        return {row[0] for row in rows}


def table_columns(sheet: Sheet) -> dict[str, str]:
    """Column name -> DuckDB type of a sheet's table, system columns last."""
    own = {column.name: STORED_TYPE[column.type] for column in sheet.columns}
    return own | {name: kind for name, (kind, _) in SYSTEM_COLUMNS.items()}


def _groups(rows: list[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    groups: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        groups.setdefault(row[0], []).append(row)
    return list(groups.values())


def _content(text: str) -> Any:
    """The value of a record, for comparison: no request context, numbers as they are written."""
    value = json.loads(text, parse_float=lambda t: ("float", t), parse_int=lambda t: ("int", t), strict=False)
    return {k: v for k, v in value.items() if k not in CONTEXT_KEYS} if isinstance(value, dict) else value


_GRAIN = {"month": "%Y-%m", "day": "%Y-%m-%d"}

_FATE = """
CREATE OR REPLACE TEMP TABLE typed AS
SELECT t.* EXCLUDE (row_status),
    CASE
        WHEN k.natural_key IS NOT NULL THEN 'already'
        WHEN same.natural_key IS NOT NULL THEN 'duplicate'
        WHEN row_number() OVER (PARTITION BY t.natural_key, t.content_sha256 ORDER BY t.seq) > 1 THEN 'duplicate'
        ELSE 'first'
    END AS fate,
    k.row_status AS stored_as
FROM typed AS t
LEFT JOIN known AS k
    ON k.natural_key = t.natural_key AND k.receipt = t.receipt AND k.capture = t.capture AND k.record = t.record
LEFT JOIN (SELECT DISTINCT natural_key, content_sha256 FROM known) AS same
    ON same.natural_key = t.natural_key AND same.content_sha256 = t.content_sha256
"""

# Keys with more than one text, known rows first, then the batch's in the order of their arrival.
_CONTESTED = """
WITH texts AS (
    SELECT natural_key, content_sha256 FROM known
    UNION
    SELECT natural_key, content_sha256 FROM typed
), contested AS (
    SELECT natural_key FROM texts GROUP BY natural_key HAVING count(*) > 1
)
SELECT natural_key, seq, capture, record, body FROM (
    SELECT natural_key, NULL AS seq, capture, record, NULL AS body, collected_at FROM known
    UNION ALL
    SELECT natural_key, seq, capture, record, record_text AS body, collected_at FROM typed WHERE fate = 'first'
) WHERE natural_key IN (FROM contested)
ORDER BY natural_key, seq NULLS FIRST, collected_at, capture, record
"""

_COUNT = """
CREATE OR REPLACE TEMP TABLE counted AS
SELECT $stream AS stream, receipt, page, capture, day, max(collected_at) AS collected_at,
    count(*) AS received,
    count(*) FILTER (fate IN ('first', 'version')) AS stored,
    count(*) FILTER (fate = 'version') AS versions,
    count(*) FILTER (fate = 'duplicate') AS duplicate,
    count(*) FILTER (fate = 'conflict') AS conflict,
    count(*) FILTER (fate = 'quarantined') AS quarantined
FROM (
    SELECT receipt, page, capture, collected_at,
        CAST(timezone($zone, coalesce({event_time}, collected_at)) AS DATE) AS day,
        CASE fate WHEN 'already' THEN stored_as ELSE fate END AS fate
    FROM typed
    UNION ALL
    SELECT receipt, page, capture, collected_at, CAST(timezone($zone, collected_at) AS DATE), 'quarantined'
    FROM unreadable
)
GROUP BY ALL
"""
