"""The files that a pack attaches: results as Parquet and CSV, workpapers, the questions, the statements.

Same rows, same bytes: every table is written in one order by one version of DuckDB.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.canonical import canonical
from reports.pack.manifest import PackFile, build_statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

    from controls.results import ControlResult

# name of the attachment -> (role, query); each is attached as CSV and as Parquet
TABLES = {
    "exceptions": (
        "exceptions",
        """
        SELECT * EXCLUDE (evidence), to_json(evidence)::VARCHAR AS evidence FROM assessment_verdicts
        WHERE verdict IN ('EXCEPTION', 'INDETERMINATE', 'EXEMPT') ORDER BY ALL
        """,
    ),
    "matrix": ("matrix", "SELECT * EXCLUDE (sql_text) FROM assessment_controls ORDER BY control"),
    "completeness": (
        "completeness",
        """
        SELECT stream, day, status, reason, receipt FROM custody_partitions
        WHERE day >= (SELECT first FROM pack_period) AND day < (SELECT end_day FROM pack_period) ORDER BY ALL
        """,
    ),
    "conservation": ("completeness", "FROM evidence_conservation ORDER BY ALL"),
    "metrics": ("metrics", "FROM metric_value ORDER BY metric, grain, period_start, service"),
}
_RESULTS = (
    "SELECT * EXCLUDE (control, evidence), to_json(evidence)::VARCHAR AS evidence FROM assessment_verdicts"
    " WHERE control = $control ORDER BY population, subject, attribute"
)


def files(
    con: duckdb.DuckDBPyConnection, results: Sequence[ControlResult], statements: Sequence[bytes]
) -> list[PackFile]:
    """Every attachment but the manifest, in the order of names."""
    with tempfile.TemporaryDirectory() as folder:
        found = [*_tables(con, Path(folder)), *_workpapers(con, Path(folder), results)]
    found.append(PackFile("ledger.json", build_statements(statements), "statements", embedded=True))
    return sorted(found, key=lambda file: file.path)


def _tables(con: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[PackFile]:
    for name, (role, query) in TABLES.items():
        yield from _both(con, folder, name, role, query, {})


def _workpapers(con: duckdb.DuckDBPyConnection, folder: Path, results: Sequence[ControlResult]) -> Iterator[PackFile]:
    for result in results:
        name = result.control.id
        yield from _both(con, folder, f"{name}-results", "results", _RESULTS, {"control": name})
        summary = {key: value for key, value in result.as_json().items() if key != "verdicts"}
        yield PackFile(f"{name}-workpaper.json", canonical(summary), "workpaper", embedded=True)
        question = "\n".join(f"-- {file}\n{text}" for file, text in result.control.versions[-1].questions.items())
        yield PackFile(f"{name}-question.sql", question.encode(), "question", embedded=True)


def _both(
    con: duckdb.DuckDBPyConnection, folder: Path, name: str, role: str, query: str, parameters: dict[str, str]
) -> Iterator[PackFile]:
    con.execute(f"CREATE OR REPLACE TEMP TABLE attached AS {query}", parameters)
    for suffix, options in (("csv", "FORMAT csv, HEADER"), ("parquet", "FORMAT parquet, COMPRESSION zstd")):
        target = folder / f"{name}.{suffix}"
        con.execute(f"COPY attached TO '{target}' ({options})")
        yield PackFile(target.name, target.read_bytes(), role, embedded=True)
