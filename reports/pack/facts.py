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

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from controls.results import ControlResult
    from controls.sheet import Attribute
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
    "assessment_attributes": pa.schema([(n, pa.string()) for n in ("control", "attribute", "population", "text")]),
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
        " SELECT $first::DATE AS first, $end::DATE AS end_day,"
        " $starts::TIMESTAMPTZ AS starts, $ends::TIMESTAMPTZ AS ends",
        {"first": period.first, "end": period.end_day, "starts": period.start, "ends": period.end},
    )


def _table(con: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    con.register("pack_arrow", rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM pack_arrow")
    con.unregister("pack_arrow")


def _control(result: ControlResult) -> dict[str, object]:
    sheet = result.control.sheet
    return {
        "control": result.control.id, "title": sheet.title, "domain": sheet.domain, "key": "Key" if sheet.key else "",
        "objective": sheet.objective, "risk": sheet.risk, "owner": sheet.owner, "frequency": sheet.frequency["control"],
        "nature": sheet.nature, "tolerable": sheet.tolerable.text,
        "mapping": "; ".join(f"{name.upper()} {', '.join(items)}" for name, items in sheet.mapping.items()),
        "conclusion": result.conclusion, "reason": result.why, "severity": result.severity or "",
        "definition_sha256": result.control.sha256,
        "sql_text": "\n\n".join(result.control.versions[-1].questions.values()).strip(),
    }  # fmt: skip


def _attributes(result: ControlResult) -> list[dict[str, object]]:
    return [
        {
            "control": result.control.id,
            "attribute": letter,
            "population": ", ".join(a.populations),
            "text": _attribute_text(a),
        }
        for letter, a in result.control.sheet.attributes.items()
    ]


def _attribute_text(attribute: Attribute) -> str:
    return attribute.text + (f" (Limitation: {attribute.limitation})" if attribute.limitation else "")


def _populations(result: ControlResult) -> list[dict[str, object]]:
    known = result.control.sheet.populations
    return [
        {
            "control": result.control.id, "population": members.name, "rows": len(members.subjects),
            "member": known[members.name].member if members.name in known else "whole populations, and days of them",
            "sha256": members.sha256,
        }
        for members in result.populations
    ]  # fmt: skip


def _verdicts(result: ControlResult) -> list[dict[str, object]]:
    return [
        {
            "control": result.control.id, "population": verdict.population, "subject": verdict.subject,
            "attribute": verdict.attribute, "verdict": verdict.verdict, "reason": verdict.reason,
            "event_time": verdict.event_time, "evidence": [proof.as_json() for proof in verdict.evidence],
        }
        for verdict in result.verdicts
    ]  # fmt: skip
