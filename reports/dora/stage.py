"""Facts → typed temporary tables `dora_*`, one row per natural key, instants as TIMESTAMP in UTC.

- The only place that builds SQL text, from the names of the contract alone.
- What happened after `as_of` is not known yet: it is staged as not having happened.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from reports.dora.facts import INSTANT, LIST, LIST_SEPARATORS, RELATIONS, Column, Relation, columns_of

if TYPE_CHECKING:
    from datetime import date, datetime

    import duckdb

    from reports.dora.parameters import Parameters


def run_sql(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Execute this package's `name`.sql."""
    con.execute(sql_text(name))


def sql_text(name: str) -> str:
    """The text of this package's `name`.sql."""
    return files("reports.dora").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def stage(
    con: duckdb.DuckDBPyConnection, window: tuple[date, date], as_of: datetime, zone: str, parameters: Parameters
) -> None:
    """Stage facts, parameters, services, periods and the calendar.

    Args:
        con: its relations keep the contract of `facts`.
        window: [from, to) in local dates.
        as_of: what is later is not known.
        zone: IANA name; days, weeks, months and quarters are local.
        parameters: see there.
    """
    _stage_parameters(con, window, as_of, zone, parameters)
    con.execute("CREATE OR REPLACE TEMP TABLE dora_source(relation VARCHAR)")
    con.execute("CREATE TEMP TABLE IF NOT EXISTS dora_quarantine(file VARCHAR, line BIGINT, reason VARCHAR)")
    con.execute("CREATE OR REPLACE TEMP TABLE dora_duplicate(relation VARCHAR, surplus BIGINT)")
    for relation in RELATIONS:
        _stage_relation(con, relation)
    run_sql(con, "stage")


def _stage_parameters(
    con: duckdb.DuckDBPyConnection, window: tuple[date, date], as_of: datetime, zone: str, parameters: Parameters
) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE dora_parameter(zone VARCHAR, as_of TIMESTAMP, window_start DATE,"
        " window_end DATE, production VARCHAR[], threshold DOUBLE, temporal_hours DOUBLE, hotfix_labels VARCHAR[],"
        " hotfix_branches VARCHAR[], minimum_n BIGINT, rebaseline_days DOUBLE, fiscal_shift BIGINT,"
        " slo_objective DOUBLE, slo_coverage DOUBLE,"
        " grains VARCHAR[], evidence_grains VARCHAR[])",
    )
    con.execute(
        f"INSERT INTO dora_parameter VALUES (?, timezone('UTC', ?::TIMESTAMPTZ){', ?' * 14})",  # noqa: S608 - marks alone
        [
            zone,
            as_of.isoformat(),
            *window,
            list(parameters.production),
            parameters.threshold,
            parameters.temporal_hours,
            list(parameters.hotfix_labels),
            list(parameters.hotfix_branches),
            parameters.minimum_n,
            parameters.rebaseline_days,
            parameters.fiscal_year_start - 1,
            parameters.slo_objective,
            parameters.slo_coverage,
            list(parameters.grains),
            # Without days nothing could be traced by its days.
            list(parameters.evidence_grains if "day" in parameters.grains else parameters.grains),
        ],
    )


def _stage_relation(con: duckdb.DuckDBPyConnection, relation: Relation) -> None:
    found = columns_of(con, relation.name)
    table = f"dora_raw_{relation.name}"
    columns = ", ".join(_expression(column, found.get(column.name)) for column in relation.columns)
    source = f"FROM {relation.name}" if found else "WHERE false"
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {columns} {source}")
    if not found:
        return
    there = [f"{relation.name}.{c.name}" for c in relation.columns if c.optional and c.name in found]
    con.execute("INSERT INTO dora_source SELECT unnest($names)", {"names": [relation.name, *there]})
    key = ", ".join(relation.key)
    surplus = f"SELECT count(*) - count(DISTINCT hash({key})) FROM {table}"  # noqa: S608 - names of the contract
    if _number(con, surplus):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT DISTINCT * FROM {table}")  # noqa: S608 - as above
        con.execute("INSERT INTO dora_duplicate VALUES (?, ?)", [relation.name, _number(con, surplus)])
        order = ", ".join(f"{c.name} DESC NULLS LAST" for c in reversed(relation.columns))
        chosen = f"SELECT DISTINCT ON ({key}) * FROM {table} ORDER BY {key}, {order}"  # noqa: S608 - as above
        con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {chosen}")


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    return int(row[0]) if row else 0


def _expression(column: Column, found: str | None) -> str:
    """The column as the contract types it; instants become TIMESTAMP in UTC, empty text becomes NULL."""
    typed = "TIMESTAMP" if column.type == INSTANT else column.type
    if found is None:
        return f"NULL::{typed} AS {column.name}"
    value = f"nullif({column.name}, '')" if found == "VARCHAR" else column.name
    if column.type == INSTANT and found != "TIMESTAMP":
        value = f"timezone('UTC', {value}::TIMESTAMPTZ)"
    elif column.type == LIST and found == "VARCHAR":
        separator = LIST_SEPARATORS[column.name]
        parts = f"list_transform(regexp_split_to_array({value}, '{separator}'), lambda x: trim(x))"
        value = f"list_filter({parts}, lambda x: x <> '')"
    return f"{value}::{typed} AS {column.name}"
