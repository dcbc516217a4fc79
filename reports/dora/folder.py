"""A folder of CSV files → the relations of `facts`.

- A file that is absent, or that has not even a header, is a source that is not connected. A header without rows is a
  source that had nothing to say.
- A row that breaks the contract is left out and named by its line (`Rejected`); the guard `rows_quarantined` counts it.
- Columns that are missing are no matter of a row: the folder is refused.
- Byte order marks, either end of line and rows in any order are taken as they come.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from evidence.errors import ConfigError
from reports.dora.facts import (
    BOOLEAN,
    DOUBLE,
    INSTANT,
    INTEGER,
    RELATIONS,
    REQUIRED,
    STATES,
    Column,
    Relation,
    from_views,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import duckdb

# Without one of these a row is about nothing.
_IDENTITY = {
    "commits": ("repo", "sha"),
    "pull_requests": ("repo", "pr"),
    "pr_commits": ("repo", "pr", "sha"),
    "deployments": ("deployment_id", "service", "environment"),
    "incidents": ("incident_id", "service", "environment", "created_at"),
    "services": ("service",),
    "pipeline_runs": ("service", "run_id", "started_at"),
    "slo_samples": ("service", "instant"),
    "collection_gaps": ("started_at", "ended_at"),
}
_WORDS = ("final_state", "merge_method")  # of a fixed vocabulary, which some exports shout
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_ARROW = {INSTANT: pa.timestamp("us", tz="UTC"), INTEGER: pa.int64(), BOOLEAN: pa.bool_(), DOUBLE: pa.float64()}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was left out: its file, the line where it starts (from 1), and why."""

    file: str
    line: int
    reason: str


def load_folder(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[Rejected, ...]:
    """Make temporary tables of the CSV files `<relation>.csv` in `path`; the rows that were left out.

    Raises:
        ConfigError: no such folder, none of the files, or a file without the columns that it needs.
    """
    if not any((path / f"{name}.csv").is_file() for name in REQUIRED):
        raise ConfigError(
            f"facts were asked from {path}, which holds none of {', '.join(f'{name}.csv' for name in REQUIRED)}",
            next_step="put these files into the folder; one that is left out is a source that is not connected",
        )
    rejected: list[Rejected] = []
    absent = []
    for relation in RELATIONS:
        con.execute(f"DROP TABLE IF EXISTS temp.{relation.name}")
        file = path / f"{relation.name}.csv"
        if file.is_file() and file.stat().st_size:
            con.register("dora_csv", _read(file, relation, rejected))
            con.execute(f"CREATE TEMP TABLE {relation.name} AS FROM dora_csv")
            con.unregister("dora_csv")
        else:
            absent.append(relation.name)
    from_views(con, absent=absent)
    con.execute("CREATE OR REPLACE TEMP TABLE dora_quarantine(file VARCHAR, line BIGINT, reason VARCHAR)")
    for row in rejected:
        con.execute("INSERT INTO dora_quarantine VALUES (?, ?, ?)", [row.file, row.line, row.reason])
    return tuple(rejected)


def _read(file: Path, relation: Relation, rejected: list[Rejected]) -> pa.Table:
    """The rows that keep the contract, typed; those that do not go to `rejected`."""
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        lines = _records(csv.reader(text, strict=True))
        header = [name.strip() for name in next(lines, (1, []))[1]]
        columns = [column for column in relation.columns if column.name in header]
        places = [header.index(column.name) for column in columns]
        held: list[list[Any]] = []
        for line, fields in lines:
            try:
                held.append(_row(relation, columns, places, fields, len(header)))
            except ValueError as error:
                rejected.append(Rejected(file.name, line, str(error)))
    typed = [pa.array([row[i] for row in held], _ARROW.get(c.type, pa.string())) for i, c in enumerate(columns)]
    return pa.table(typed, names=[column.name for column in columns])


def _records(reader: Any) -> Iterator[tuple[int, list[str] | str]]:
    """The line that a record starts on, and its fields; text instead says why it cannot be read. Blank lines go."""
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"cannot be read: {error}"
            continue
        if fields:
            yield line, fields


def _row(
    relation: Relation, columns: list[Column], places: list[int], fields: list[str] | str, width: int
) -> list[Any]:
    if isinstance(fields, str):
        raise ValueError(fields)  # noqa: TRY004 - the file's fault, not a caller's
    if len(fields) != width:
        raise ValueError(f"{len(fields)} fields, where the header has {width}")
    row = [_value(column, fields[place].strip()) for column, place in zip(columns, places, strict=True)]
    named = dict(zip((column.name for column in columns), row, strict=True))
    if lacking := [name for name in _IDENTITY[relation.name] if named.get(name) is None]:
        raise ValueError(f"without {', '.join(lacking)}")
    if relation.name == "deployments":
        if named.get("final_state") not in (None, *STATES):
            raise ValueError(f"final_state {named['final_state']!r}; valid are {', '.join(STATES)}")
        if named.get("created_at") is None and named.get("final_at") is None:
            raise ValueError("without created_at and final_at, so that it has no place in time")
    return row


def _value(column: Column, text: str) -> Any:
    if not text:
        return None
    if not text.isprintable() and any("\udc80" <= letter <= "\udcff" for letter in text):
        raise ValueError(f"{column.name} is no UTF-8")
    return _PARSERS.get(column.type, _text)(column, text)


def _text(column: Column, text: str) -> str:
    return text.lower() if column.name in _WORDS else text


def _instant(column: Column, text: str) -> datetime:
    problem = f"{column.name} {text!r} is no instant with an offset, such as 2026-03-02T08:00:00Z"
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(problem) from None
    if instant.tzinfo is None:
        raise ValueError(problem)
    return instant


def _integer(column: Column, text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{column.name} {text!r} is no number")
    return int(text)


def _double(column: Column, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not isfinite(value):
        raise ValueError(f"{column.name} {text!r} is no number")
    return value


def _boolean(column: Column, text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError(f"{column.name} {text!r} is neither true nor false")
    return _TRUTH[text.lower()]


_PARSERS: dict[str, Callable[[Column, str], Any]] = {
    INSTANT: _instant, INTEGER: _integer, BOOLEAN: _boolean, DOUBLE: _double
}  # fmt: skip
