"""What a pack's attached results and metrics say otherwise than a session that holds them anew (reports.pack.facts)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.published import METRIC_VALUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import duckdb

Difference = dict[str, str]
"""`control` or `metric` with what identifies the row, `what` differs, and what `pack` and `reperformed` say."""

ABSENT = "absent"

_VERDICTS = """
WITH attached AS (
    SELECT parse_filename(filename, true) AS control, * EXCLUDE (filename)
    FROM read_parquet($files, filename = true, hive_partitioning = false)
)
SELECT control, population, subject, attribute,
    CASE WHEN p.verdict IS DISTINCT FROM r.verdict THEN 'verdict' ELSE 'reason, time or evidence' END AS what,
    coalesce(p.verdict, 'absent') AS pack, coalesce(r.verdict, 'absent') AS reperformed
FROM attached AS p
FULL JOIN assessment_verdicts AS r USING (control, population, subject, attribute)
WHERE (p.verdict, p.reason, p.event_time, p.evidence)
    IS DISTINCT FROM (r.verdict, r.reason, r.event_time, to_json(r.evidence)::VARCHAR)
ORDER BY what DESC, control, population, subject, attribute
"""
_METRICS = """
SELECT metric, service, grain, CAST(period_start AS VARCHAR) AS period_start, 'value' AS what,
    coalesce(p.status || ' ' || coalesce(CAST(p.value AS VARCHAR), '-'), 'absent') AS pack,
    coalesce(r.status || ' ' || coalesce(CAST(r.value AS VARCHAR), '-'), 'absent') AS reperformed
FROM read_parquet($file) AS p
FULL JOIN metric_value AS r USING (metric, service, grain, period_start)
WHERE {differ}
ORDER BY metric, service, grain, period_start
"""
_KEPT = {"period", "version", "reason", "computed_at", "as_of"}  # of a kept value alone: when it was computed


def verdict_differences(
    con: duckdb.DuckDBPyConnection, attached: Mapping[str, bytes], work: Path
) -> Iterator[Difference]:
    """Verdicts that differ, those with another verdict first.

    Args:
        con: session with `assessment_verdicts`.
        attached: the pack's results of each control, as Parquet.
        work: a folder for copies of them.
    """
    for control, data in attached.items():
        (work / f"{control}.parquet").write_bytes(data)
    yield from _rows(con, _VERDICTS, {"files": [str(work / f"{control}.parquet") for control in attached]})


def metric_differences(con: duckdb.DuckDBPyConnection, attached: bytes, work: Path) -> Iterator[Difference]:
    """Values of `metric_value` in the session that differ from the pack's, in any column."""
    path = work / "metrics.parquet"
    path.write_bytes(attached)
    columns = [name for name in METRIC_VALUE if name not in _KEPT]
    theirs, ours = (", ".join(f"{side}.{name}" for name in columns) for side in ("p", "r"))
    query = _METRICS.format(differ=f"({theirs}) IS DISTINCT FROM ({ours})")
    yield from _rows(con, query, {"file": str(path)})


def _rows(con: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object]) -> Iterator[Difference]:
    cursor = con.execute(query, dict(parameters))
    names = [column[0] for column in cursor.description or ()]
    for row in cursor.fetchall():
        yield {name: str(value) for name, value in zip(names, row, strict=True)}
