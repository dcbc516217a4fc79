"""Lay an assessment out as tables of the session, so that sections can ask questions of it.

==========================  ==============================================================================
``assessment_controls``     one row per control: its sheet, conclusion, reason, severity, definition, question
``assessment_attributes``   one row per attribute of a control, asked or not
``assessment_populations``  one row per population: members and the digest of their sorted keys
``assessment_verdicts``     one row per member and attribute, with evidence
``metric_value``            delivery metrics (reports.dora)
``pack_period``             one row: first, end_day, starts, ends
==========================  ==============================================================================
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from controls.engine import ControlResult
    from evidence.periods import Period

_TIME = pa.timestamp("us", tz="UTC")
_EVIDENCE = pa.list_(pa.struct([("stream", pa.string()), ("capture", pa.string()), ("record", pa.int64())]))
_SCHEMAS = {
    "assessment_controls": pa.schema([
        (name, pa.string()) for name in (
            "control", "title", "domain", "key", "objective", "risk", "owner", "frequency", "nature", "tolerable",
            "mapping", "conclusion", "reason", "severity", "definition_sha256", "sql_text",
        )
    ]),
    "assessment_attributes": pa.schema([(name, pa.string()) for name in ("control", "attribute", "population", "text")]),
    "assessment_populations": pa.schema([
        ("control", pa.string()), ("population", pa.string()), ("member", pa.string()), ("rows", pa.int64()),
        ("sha256", pa.string()),
    ]),
    "assessment_verdicts": pa.schema([
        ("control", pa.string()), ("population", pa.string()), ("subject", pa.string()), ("attribute", pa.string()),
        ("verdict", pa.string()), ("reason", pa.string()), ("event_time", _TIME), ("evidence", _EVIDENCE),
    ]),
}  # fmt: skip


def register(
    con: duckdb.DuckDBPyConnection, results: Sequence[ControlResult], metrics: pa.Table, period: Period
) -> None:
    """Make the tables above in the session; those of an earlier call are replaced."""
    rows: Mapping[str, list[dict[str, object]]] = {
        "assessment_controls": [_control(result) for result in results],
        "assessment_attributes": [row for result in results for row in _attributes(result)],
        "assessment_populations": [row for result in results for row in _populations(result)],
        "assessment_verdicts": [row for result in results for row in _verdicts(result)],
    }
    for name, found in rows.items():
        _table(con, name, pa.Table.from_pylist(found, schema=_SCHEMAS[name]))
    _table(con, "metric_value", metrics)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE pack_period AS"
        " SELECT $first::DATE AS first, $end::DATE AS end_day, $starts::TIMESTAMPTZ AS starts, $ends::TIMESTAMPTZ AS ends",
        {"first": period.first, "end": period.end_day, "starts": period.start, "ends": period.end},
    )


def _table(con: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    con.register("pack_arrow", rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM pack_arrow")
    con.unregister("pack_arrow")
