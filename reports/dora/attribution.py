"""Commits → deployments → failures: who carried what first, what kind it was, and which one failed.

- The graph walk is Python (`graph`); everything after it is SQL (`attribution.sql`).
- Results are temporary tables: `dora_deployment`, `dora_change`, `dora_first_production`, `dora_failure_link`
  (every link, with method and confidence), `dora_failed`, `dora_recovery`, `dora_rework`.
- Needs the tables of `stage`.
"""

from __future__ import annotations

from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from reports.dora.graph import Classified, Deployed, Graph, walk
from reports.dora.stage import run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

KIND_SCHEMA = pa.schema([("dep", pa.int64()), ("kind", pa.string()), ("previous", pa.int64()), ("target", pa.int64())])
CHANGE_SCHEMA = pa.schema([("dep", pa.int64()), ("sha", pa.string())])

# A deployment is a new baseline when a gap in collection, longer than the limit, ended since the one before it.
RELEASES = """
WITH rebaseline AS (
    SELECT DISTINCT r.dep
    FROM (
        SELECT *, lag(finished_at) OVER (PARTITION BY service, environment ORDER BY dep) AS before FROM dora_release
    ) r JOIN dora_raw_collection_gaps g ON g.ended_at <= r.finished_at AND g.ended_at > r.before, dora_parameter p
    WHERE epoch(g.ended_at) - epoch(g.started_at) > p.rebaseline_days * 86400
)
SELECT service, environment, repo, dep, sha, dep IN (FROM rebaseline)
FROM dora_release
WHERE sha IS NOT NULL
ORDER BY service, environment, repo, dep
"""


def attribute(con: duckdb.DuckDBPyConnection) -> None:
    """Walk the staged history and judge it; see the module for the tables that this makes."""
    results = list(_walk_all(con))
    *kinds, carried = zip(*results, strict=True) if results else ((),) * len(Classified._fields)
    carriers = [dep for dep, shas in zip(kinds[0], carried, strict=True) for _ in shas]
    _table(con, "dora_kind", pa.table([list(column) for column in kinds], schema=KIND_SCHEMA))
    _table(con, "dora_carried", pa.table([carriers, list(chain.from_iterable(carried))], schema=CHANGE_SCHEMA))
    run_sql(con, "attribution")
    run_sql(con, "failures")


def _walk_all(con: duckdb.DuckDBPyConnection) -> Iterator[Classified]:
    graphs = _graphs(con)
    rows = con.execute(RELEASES).fetchall()
    for (_, _, repo), history in groupby(rows, key=itemgetter(0, 1, 2)):
        deployed = [Deployed(dep, sha, rebaseline) for _, _, _, dep, sha, rebaseline in history]
        yield from walk(deployed, graphs.get(repo, Graph({})))


def _graphs(con: duckdb.DuckDBPyConnection) -> dict[str, Graph]:
    parents: dict[str, dict[str, list[str]]] = {}
    # Text is fetched three times as fast as lists are.
    query = "SELECT repo, sha, coalesce(array_to_string(parents, ' '), '') FROM dora_raw_commits"
    for repo, sha, text in con.execute(query).fetchall():
        parents.setdefault(repo, {})[sha] = text.split() if " " in text else [text] if text else []
    return {repo: Graph(commits) for repo, commits in parents.items()}


def _table(con: duckdb.DuckDBPyConnection, name: str, rows: Any) -> None:
    con.register("dora_arrow", rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM dora_arrow")
    con.unregister("dora_arrow")
