"""Open the warehouse for questions: one DuckDB session with every table and every shared view.

- Base views are the tables of a snapshot, by explicit file list; `evidence` = {stream, capture, record} on every row.
- `views/*.sql` hold one SELECT each, named after its file; they see the base tables, the scope tables and one another.
- A table that nothing was collected for is there, empty and typed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from evidence.errors import ControlError
from warehouse.build import CONSERVATION, CONSERVATION_COLUMNS, QUARANTINE, QUARANTINE_COLUMNS, table_columns
from warehouse.normalise import MACROS
from warehouse.published import PUBLISHED, add_current
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from warehouse.lake import Lake

VIEWS = Path(__file__).with_name("views")


def connect(lake: Lake, *, snapshots: Mapping[str, int] | None = None) -> duckdb.DuckDBPyConnection:
    """A session in memory with the base tables of `lake`, as of `snapshots` (table -> snapshot id) or now."""
    con = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
    con.execute("SET TimeZone = 'UTC'")
    con.execute(MACROS)
    for sheet in sheets().values():
        _base(con, lake, sheet.table, table_columns(sheet), snapshots, stream=sheet.stream)
    _base(con, lake, CONSERVATION, CONSERVATION_COLUMNS, snapshots)
    _base(con, lake, QUARANTINE, QUARANTINE_COLUMNS, snapshots)
    for table, (columns, _) in PUBLISHED.items():
        _base(con, lake, table, columns, snapshots)
    add_current(con)
    return con


def add_views(
    con: duckdb.DuckDBPyConnection,
    *,
    folder: Path = VIEWS,
    materialise: bool = False,
    questions: Iterable[str] | None = None,
) -> None:
    """Create the views of `folder`, in the order of their needs.

    Args:
        con: session with the base and scope tables.
        folder: where the `.sql` files lie.
        materialise: make tables instead of views: faster where many questions follow, as in a test run.
        questions: make only what these read, through however many views; None for every view.

    Raises:
        ControlError: a view that cannot be made, with DuckDB's reason.
    """
    kind = "TEMP TABLE" if materialise else "VIEW"
    texts = view_texts(folder)
    wanted = texts if questions is None else _read_by(questions, texts)
    for name in _ordered({name: texts[name] for name in wanted}):
        try:
            con.execute(f"CREATE OR REPLACE {kind} {name} AS\n{texts[name]}")
        except duckdb.Error as error:
            raise ControlError(f"view {name} cannot be made: {error}") from error


def tables_read(questions: Iterable[str]) -> list[str]:
    """The base tables that questions read, themselves or through shared views, in order."""
    asked, views = list(questions), view_texts()
    texts = [*asked, *(views[name] for name in _read_by(asked, views))]
    return sorted({sheet.table for sheet in sheets().values()} & set().union(*map(words_of, texts)))


def _read_by(questions: Iterable[str], views: Mapping[str, str]) -> set[str]:
    """The views that questions read, themselves or through others."""
    found: set[str] = set()
    todo = list(questions)
    while todo:
        new = (words_of(todo.pop()) & views.keys()) - found
        found |= new
        todo += [views[name] for name in new]
    return found


def _ordered(texts: Mapping[str, str]) -> list[str]:
    """Names so that each comes after those its text mentions."""
    needs = {name: {w for w in words_of(text) if w in texts and w != name} for name, text in texts.items()}
    order: list[str] = []
    while len(order) < len(needs):
        ready = [name for name in needs if name not in order and needs[name] <= set(order)]
        if not ready:
            raise ControlError(f"views need one another in a circle: {sorted(set(needs) - set(order))}")
        order += ready
    return order


def words_of(sql: str) -> set[str]:
    """Every word of a query outside its comments: among them the tables and views that it reads."""
    return set(re.findall(r"\w+", re.sub(r"--[^\n]*", "", sql)))


def view_texts(folder: Path = VIEWS) -> dict[str, str]:
    """The SELECT of every view of `folder`, by the view's name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}


def _base(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    table: str,
    columns: Mapping[str, str],
    snapshots: Mapping[str, int] | None,
    *,
    stream: str = "",
) -> None:
    files = lake.files(table, snapshot=(snapshots or {}).get(table))
    evidence = f", {{'stream': '{stream}', 'capture': capture, 'record': record}} AS evidence" if stream else ""
    names = ", ".join(f'"{name}"' for name in columns)
    if files:
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        rows = f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"
        con.execute(f"CREATE VIEW {table} AS SELECT {names}{evidence} FROM {rows}")  # noqa: S608 - our own names
    else:
        empty = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items())
        con.execute(
            f"CREATE VIEW {table} AS SELECT *{evidence} FROM (SELECT {empty}) WHERE false"  # noqa: S608
        )
