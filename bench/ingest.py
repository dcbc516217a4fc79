"""Measure import and build against bare DuckDB, in one run on one file. `python -m bench.ingest [EVENTS]`.

- Bare: DuckDB reads the same file and writes the same typed business columns (the sheet's own expressions) to Parquet.
  A second figure leaves out `fields`, the copy of the whole record, which lets DuckDB use its fastest reader.
- Level 1 adds to the columns what leads back to the bytes: capture digest and record number.
- Level 2 is the product: keep the file in a store (durable), read it for keys, compare them, write rows with a content
  digest each, count everything, commit the tables. Its counts must be the generator's truth.
- Every case runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import multiprocessing
import platform
import resource
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from bench.events import write_events
from evidence.custody import Custody
from evidence.stores.file import FileStore
from warehouse import build
from warehouse.importing import take_files
from warehouse.lake import Lake
from warehouse.lines import lines_file, lines_query
from warehouse.normalise import MACROS, shape_text
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STREAM = "github.audit_log"
NOW = datetime(2026, 9, 1, tzinfo=UTC)


def main() -> int:
    """Print the figures; 1 if a bar is missed or a count is wrong."""
    count = int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        file = folder / "events.ndjson"
        truth = write_events(file, count)
        print(
            f"{count:,} events, {file.stat().st_size / 1e6:,.0f} MB; DuckDB {duckdb.__version__},", platform.machine()
        )
        bare = _alone("bare DuckDB, the same columns", _bare, file, folder)
        fast = _alone("bare DuckDB, without `fields`", _bare_fast, file, folder)
        first = _alone("level 1: capture digest, record number", _level_1, file, folder)
        second = _alone("level 2: the product", _level_2, file, folder)
        counts = second.pop("counts")
        right = (counts["received"], counts["duplicate"], counts["conflict"])
        assert right == (truth.lines, truth.duplicate, truth.conflict), (counts, truth)
    ok = True
    for level, found, bar in (("level 1", first, 2.5), ("level 2", second, 5.0)):
        ratio, strict = found["seconds"] / bare["seconds"], found["seconds"] / fast["seconds"]
        ok = ok and ratio <= bar
        print(f"{level}: {ratio:.2f} x bare (bar {bar}); {strict:.2f} x bare without `fields`")
    return 0 if ok else 1


def _alone(title: str, case: Callable[[Path, Path], dict[str, Any]], file: Path, folder: Path) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(_measured, (case, file, folder))
    print(f"{found['seconds']:7.2f} s  {found['peak']:6,.0f} MB  {title}")
    for stage, seconds in found.pop("stages", {}).items():
        print(f"{seconds:7.2f} s              {stage}")
    return found


def _measured(case: Callable[[Path, Path], dict[str, Any]], file: Path, folder: Path) -> dict[str, Any]:
    begin = time.perf_counter()
    found = case(file, folder)
    found.setdefault("seconds", time.perf_counter() - begin)
    return found | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}


def _session() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = false")
    con.execute("SET enable_progress_bar = false")
    con.execute(MACROS)
    return con


def _columns(*, whole: bool) -> str:
    return ", ".join(
        f'{column.expression} AS "{column.name}"'
        for column in sheets()[STREAM].columns
        if whole or column.name != "fields"
    )


def _parsed(source: str) -> str:
    shape = shape_text(sheets()[STREAM].record_shape)
    return f"(SELECT *, json_transform(body, '{shape}') AS b FROM ({source}))"


def _copy(query: str, folder: Path) -> dict[str, Any]:
    _session().execute(f"COPY ({query}) TO '{folder / 'bare.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
    return {}


def _bare(file: Path, folder: Path) -> dict[str, Any]:
    lines = f"SELECT CAST(json AS VARCHAR) AS body FROM read_ndjson_objects('{file}')"
    return _copy(f"SELECT {_columns(whole=True)} FROM {_parsed(lines)}", folder)


def _bare_fast(file: Path, folder: Path) -> dict[str, Any]:
    kinds = ", ".join(f"'{name}': '{kind}'" for name, kind in sheets()[STREAM].record_shape.items())
    reader = f"read_json('{file}', columns = {{{kinds}}}, format = 'newline_delimited')"
    return _copy(f"SELECT {_columns(whole=False)} FROM (SELECT b FROM {reader} AS b)", folder)


def _level_1(file: Path, folder: Path) -> dict[str, Any]:
    custody = Custody(FileStore(folder / "level-1"), collector={"name": "bench"})
    receipt = custody.keep_file(STREAM, file, name=file.name, now=NOW)
    (sighting,) = custody.sightings(receipt)
    lines = lines_file(custody, sighting.capture, sighting.size, folder)
    assert lines
    source = _parsed(lines_query(lines))
    return _copy(f"SELECT {_columns(whole=True)}, '{sighting.capture}' AS capture, record FROM {source}", folder)


def _level_2(file: Path, folder: Path) -> dict[str, Any]:
    stages: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        stages[name] += time.perf_counter() - begin

    def timed(name: str, owner: Any, attribute: str) -> None:
        plain = getattr(owner, attribute)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with stage(name):
                return plain(*args, **kwargs)

        setattr(owner, attribute, wrapper)

    timed("keep: read, digest, store", Custody, "keep_file")
    timed("lay out", build, "Staging")
    timed("keys", build, "note_keys")
    timed("duplicates, versions, conflicts", build, "settle")
    timed("columns, content digest, Parquet, commit", build.Builder, "_write")
    timed("counts, quarantine, commit", build.Builder, "_account")
    custody = Custody(FileStore(folder / "locker"), collector={"name": "bench"})
    (folder / "scratch").mkdir()
    begin = time.perf_counter()
    builder = build.Builder(custody, Lake(folder / "lake"), zone="America/New_York", scratch=folder / "scratch")
    (taken,) = take_files(custody, builder, STREAM, [(file, file.name)], now=NOW)
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "stages": dict(stages), "counts": taken.as_json()}


if __name__ == "__main__":
    sys.exit(main())
