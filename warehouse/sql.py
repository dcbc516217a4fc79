"""Read-only SQL for people: one SELECT, in a process of its own that can neither write, nor reach out, nor linger.

- The statement is one SELECT by DuckDB's own parser; EXPLAIN, COPY, ATTACH, SET and everything else is refused.
- The session sees the tables and views of the warehouse. Files are readable only below the lake's tables, and the
  configuration is locked. Python's variables, extensions and the network are out of reach.
- The process has limits of memory and processor time and is killed at the time limit: DuckDB's own interrupt comes
  too late for some functions. It may not write files: the limit of a file's size is zero.
- Every query is recorded before it runs, refused ones too: its text in `sql/queries.jsonl` below the home, its digest
  and who asked in the ledger, so that no question can be taken back.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from sqlalchemy.exc import DatabaseError

from evidence.canonical import sha256
from evidence.capture import instant
from evidence.errors import ConfigError, EvidenceError
from evidence.ledger.statements import Access
from warehouse.damage import LakeError, damage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from multiprocessing.connection import Connection

    from evidence.ledger.statements import CodeIdentity
    from warehouse.home import Home

SECONDS = 60  # how long one query may take
MEMORY = 4 * 2**30  # bytes of address space of the child, DuckDB's own limit being 1 GiB
ROWS = 100_000  # rows handed back at the most; more is said, never cut in silence


class QueryError(EvidenceError):
    """The query was refused, is wrong, or took too long; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of a query: column names, values, and whether there were more than `ROWS`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool


def ask(
    home: Home,
    query: str,
    *,
    by: str,
    code: CodeIdentity,
    now: datetime,
    seconds: int = SECONDS,
    prepare: Callable[[duckdb.DuckDBPyConnection], None] = lambda _: None,
) -> Answer:
    """The answer to one SELECT.

    Args:
        home: whose tables are asked.
        query: the text.
        by: who asks.
        code: which code states that.
        now: stamps the record of the query.
        seconds: after how long it is killed.
        prepare: adds scope and views to the session, before it is locked.

    Raises:
        QueryError: it is not one SELECT, DuckDB refuses it, or it took too long.
        LakeError: a file that it needs is missing or broken.
    """
    _record(home.path, query, now)
    home.log.append([Access(by, "sql", "warehouse", sha256(query.encode())).encode(now, code)])
    _check(query)
    kind, found = _answered(home, query, seconds, prepare)
    if kind == "damage":
        raise LakeError(found[0], next_step=found[1])
    if kind == "error":
        raise QueryError(found)
    return Answer(*found)


def _answered(
    home: Home, query: str, seconds: int, prepare: Callable[[duckdb.DuckDBPyConnection], None]
) -> tuple[str, Any]:
    """What a process of its own, which is ended when its time is over, found: see `_child`."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(there, home, query, seconds, prepare), daemon=True)
    child.start()
    there.close()
    try:
        if not here.poll(seconds):
            raise QueryError(f"the query took longer than {seconds} s and was ended", next_step="Ask for less.")
        kind, found = here.recv()
    except EOFError as error:
        raise QueryError("the query needed more memory than it may have", next_step="Ask for less.") from error
    finally:
        child.kill()
        child.join()
    return kind, found


def _check(query: str) -> None:
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        step = "Correct the query; docs/data-dictionary.md lists tables and columns."
        raise QueryError(f"not SQL that DuckDB reads: {error}", next_step=step) from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        found = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise QueryError(f"one SELECT is asked for, found {found}", next_step="Write one SELECT; nothing else is run.")


def _child(
    there: Connection, home: Home, query: str, seconds: int, prepare: Callable[[duckdb.DuckDBPyConnection], None]
) -> None:
    try:
        con = home.connection()
        prepare(con)
        _lock(con, home.path / "lake" / "tables")
        resource.setrlimit(resource.RLIMIT_CPU, (2 * seconds, 2 * seconds))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        cursor = con.execute(query)
        columns = tuple(str(column[0]) for column in cursor.description or ())
        rows = cursor.fetchmany(ROWS + 1)
        there.send(("answer", (columns, tuple(rows[:ROWS]), len(rows) > ROWS)))
    except (duckdb.Error, DatabaseError, EvidenceError, MemoryError, OSError) as error:
        if known := damage(error):
            there.send(("damage", (str(known), known.next_step)))
        else:
            there.send(("error", str(error) or type(error).__name__))


def _lock(con: duckdb.DuckDBPyConnection, tables: Path) -> None:
    for name, value in (
        ("python_enable_replacements", "false"),
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("memory_limit", "'1GB'"),
        ("temp_directory", "''"),
        ("allowed_directories", f"['{tables}']"),
        ("enable_external_access", "false"),
        ("lock_configuration", "true"),
    ):
        con.execute(f"SET {name} = {value}")


def _record(home: Path, query: str, now: datetime) -> None:
    folder = home / "sql"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "queries.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": instant(now), "query": query}) + "\n")
    except OSError as error:
        raise ConfigError(
            f"the query cannot be recorded in {folder}: {error.strerror}, so it is not run",
            next_step="Make the folder writable: no question goes unrecorded.",
        ) from error
