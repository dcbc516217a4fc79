"""Turn captures into tables: lay out, type, tell duplicates from versions and conflicts, write, count.

- The unit of work is a receipt. A receipt is built when its counts stand in `evidence_conservation`.
- For every receipt, page and day: received = stored + duplicate + conflict + quarantined; `stored` has the versions.
- Building twice, or after a crash at any step, gives the same tables: rows of a receipt that are already there are
  counted as stored and not written again.
- A capture with records that cannot be read is held against its name first: only what was received is quarantined.
- Records are read twice, for their keys and for their columns, rather than held: memory does not grow with a capture.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import duckdb

from evidence.canonical import sha256
from warehouse.fates import GRAIN, note_keys, refuse, settle
from warehouse.lines import LIMITS
from warehouse.normalise import MACROS, typed_select
from warehouse.redaction import redaction_key, use_key
from warehouse.sheets import STORED_TYPE, SYSTEM_COLUMNS, Sheet, sheets
from warehouse.staging import Staging, record_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from evidence.custody import Custody, Receipt
    from warehouse.lake import Lake

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


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One record that was not stored: its number in the file, where it begins (in characters), and why."""

    record: int
    position: int
    reason: str


class Builder:
    """Builds the tables of a lake from the captures in a locker.

    Args:
        custody: the locker.
        lake: where tables are written.
        zone: the company's IANA time zone; days in the counts are its calendar days.
        scratch: folder for DuckDB's overflow.
    """

    def __init__(self, custody: Custody, lake: Lake, *, zone: str, scratch: Path) -> None:
        self._custody, self._lake, self._zone, self._scratch = custody, lake, zone, scratch
        self._con = duckdb.connect(config={**LIMITS, "temp_directory": str(scratch)})
        self._con.execute("SET TimeZone = 'UTC'")
        # The order of rows says nothing, their columns do; keeping it costs memory and time.
        self._con.execute("SET preserve_insertion_order = false")
        self._con.execute("SET enable_progress_bar = false")
        # How many rows there are is guessed badly: joins hash their right side, as they are written.
        self._con.execute("SET disabled_optimizers = 'build_side_probe_side'")
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
        self._con.execute(_NO_COUNTS)
        try:
            for stream in sheets() if streams is None else streams:
                pending = [r for r in self._custody.receipts(stream) if r.sha256 not in self._built]
                if pending:
                    if progress:
                        progress(stream)
                    done[stream] = self._build(sheets()[stream], pending)
        finally:
            self._commit_counts()
        return done

    def counts(self, receipt: str) -> Counts:
        """What became of the records of one receipt."""
        files = self._lake.files(CONSERVATION)
        if not files:
            return Counts()
        row = self._con.execute(
            f"{_TOTALS} FROM read_parquet($files, hive_partitioning=false) WHERE receipt = $receipt",
            {"files": files, "receipt": receipt},
        ).fetchone()
        return Counts(*(int(n or 0) for n in row or ()))

    def quarantined(self, receipt: str) -> list[Quarantined]:
        """What was quarantined of one receipt, in the order of its records."""
        files = self._lake.files(QUARANTINE)
        if not files:
            return []
        rows = self._con.execute(
            "SELECT record, position, reason FROM read_parquet($files, hive_partitioning=false)"
            " WHERE receipt = $receipt ORDER BY page, record",
            {"files": files, "receipt": receipt},
        ).fetchall()
        return [Quarantined(*row) for row in rows]

    def _build(self, sheet: Sheet, receipts: Sequence[Receipt]) -> Counts:
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            scratch = Path(folder)
            staging = Staging(self._con, self._custody, receipts, sheet, scratch)
            self._note_keys(sheet, staging)
            refuse(self._con, sheet)
            self._check_bytes()
            files = self._lake.files(sheet.table)
            settle(self._con, sheet, files, lambda wanted: record_texts(self._custody, sheet, wanted, scratch))
            batch = sha256("".join(sorted(r.sha256 for r in receipts)).encode())[:32]
            self._write(sheet, batch)
            return self._account(sheet, receipts, batch)

    def _note_keys(self, sheet: Sheet, staging: Staging) -> None:
        if staging.distrust(note_keys(self._con, sheet, self._zone)):
            note_keys(self._con, sheet, self._zone)

    def _check_bytes(self) -> None:
        """What cannot be read must at least be what was received: a locker that was spoilt is no bad record."""
        for (capture,) in self._con.execute(
            "SELECT DISTINCT capture FROM unreadable JOIN sightings USING (sighting) ORDER BY ALL"
        ).fetchall():
            self._custody.check(capture)

    def _write(self, sheet: Sheet, batch: str) -> None:
        columns = table_columns(sheet)
        names = ", ".join(f'"{name}"' for name in columns)
        present = "".join(f' AND "{name}" IS NOT NULL' for name in sheet.required)
        parts = self._con.execute("SELECT DISTINCT part FROM keys LIMIT 2").fetchall()
        part = "" if len(parts) == 1 else f", strftime({sheet.event_time}, '{GRAIN[sheet.partition]}') AS part"
        query = f"SELECT {names}{part} FROM ({typed_select(sheet, _LASTING)}) WHERE true{present}"  # noqa: S608 - as above
        partition = (sheet.event_time, sheet.partition)
        self._commit(sheet.table, columns, query, batch, partition=partition, split_by=bool(part))

    def _account(self, sheet: Sheet, receipts: Sequence[Receipt], batch: str) -> Counts:
        self._con.execute(_COUNT, {"stream": sheet.stream, "zone": self._zone})
        built = {"receipts": [r.sha256 for r in receipts], "asked": [r.body["asked_at"] for r in receipts]}
        self._con.execute(_BUILT, {"stream": sheet.stream, **built})
        self._quarantine(sheet, batch)
        self._con.execute("INSERT INTO all_counted FROM counted")
        row = self._con.execute(f"{_TOTALS} FROM counted").fetchone()
        return Counts(*(int(n or 0) for n in row or ()))

    def _commit_counts(self) -> None:
        """Commit the counts of all streams in one snapshot: one more for each build, not for each stream."""
        built = [
            row[0] for row in self._con.execute("SELECT DISTINCT receipt FROM all_counted ORDER BY ALL").fetchall()
        ]
        if built:
            batch = sha256("".join(built).encode())[:32]
            self._commit(CONSERVATION, CONSERVATION_COLUMNS, "FROM all_counted ORDER BY ALL", batch)
            self._built.update(built)

    def _quarantine(self, sheet: Sheet, batch: str) -> None:
        """Write down what was quarantined, unless a build that died after this step did so."""
        files = self._lake.files(QUARANTINE)
        self._con.execute("SET VARIABLE known_files = $files", {"files": files})
        known = (
            "ANTI JOIN read_parquet(getvariable('known_files'), hive_partitioning=false) USING (receipt, page, record)"
        )
        self._commit(
            QUARANTINE, QUARANTINE_COLUMNS,
            f"SELECT '{sheet.stream}' AS stream, receipt, page, capture, record, position, reason, collected_at"  # noqa: S608
            f" FROM unreadable JOIN sightings USING (sighting) {known if files else ''} ORDER BY ALL",
            f"{sheet.table}-{batch}",
        )  # fmt: skip

    def _commit(
        self,
        table: str,
        columns: Mapping[str, str],
        query: str,
        batch: str,
        *,
        partition: tuple[str, str] | None = None,
        split_by: bool = False,
    ) -> None:
        """Write the rows of `query` to Parquet files, and make them part of `table` in one snapshot.

        Args:
            partition: time column and grain that the table is partitioned by.
            split_by: whether the rows are of several partitions, which their column `part` tells apart.
        """
        folder = self._new_folder(table, batch)
        target, by = (folder, ", PARTITION_BY (part)") if split_by else (folder / "rows.parquet", "")
        copied = self._con.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd{by})").fetchone()
        if copied != (0,):
            self._lake.add(table, columns, sorted(folder.rglob("*.parquet")), partition=partition)

    def _new_folder(self, table: str, batch: str) -> Path:
        """A folder for the files of a batch; what a build left that died is removed unless a snapshot names it."""
        data = self._lake.data_folder(table)
        left = sorted(data.glob(f"{batch}*"))
        named = {Path(file).relative_to(data).parts[0] for file in self._lake.files(table)} if left else set()
        for dead in left:
            if dead.name not in named:
                shutil.rmtree(dead)
        folder = data / (f"{batch}-{uuid4().hex[:8]}" if left else batch)
        folder.mkdir(parents=True)
        return folder

    def _built_receipts(self) -> set[str]:
        files = self._lake.files(CONSERVATION)
        if not files:
            return set()
        rows = self._con.execute(
            "SELECT DISTINCT receipt FROM read_parquet($files, hive_partitioning=false)", {"files": files}
        ).fetchall()
        return {row[0] for row in rows}


def table_columns(sheet: Sheet) -> dict[str, str]:
    """Column name -> DuckDB type of a sheet's table, system columns last."""
    own = {column.name: STORED_TYPE[column.type] for column in sheet.columns}
    return own | {name: kind for name, (kind, _) in SYSTEM_COLUMNS.items()}


_NO_COUNTS = "CREATE OR REPLACE TEMP TABLE all_counted ({})".format(
    ", ".join(f"{name} {kind}" for name, kind in CONSERVATION_COLUMNS.items())
)
_TOTALS = "SELECT sum(received), sum(stored), sum(versions), sum(duplicate), sum(conflict), sum(quarantined)"

# What is written: all but duplicates and what is there already. `fates` names only what is not simply first.
_LASTING = """(
    SELECT staged.* REPLACE (coalesce(fate, 'first') AS row_status)
    FROM staged
    LEFT JOIN fates USING (sighting, record)
    WHERE coalesce(fate, 'first') IN ('first', 'version', 'conflict')
)"""

# A receipt's own row: with it the receipt counts as built, whatever it brought.
_BUILT = """
INSERT INTO counted
SELECT $stream, unnest($receipts), -1, NULL, NULL, unnest($asked)::TIMESTAMPTZ, 0, 0, 0, 0, 0, 0
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
    SELECT sighting, day, CASE fate WHEN 'already' THEN stored_as ELSE coalesce(fate, 'first') END AS fate
    FROM keys
    LEFT JOIN fates USING (sighting, record)
    UNION ALL
    SELECT sighting, CAST(timezone($zone, collected_at) AS DATE), 'quarantined'
    FROM unreadable
    JOIN sightings USING (sighting)
)
JOIN sightings USING (sighting)
GROUP BY ALL
"""
