"""The delivery programme's targets: what was wanted, what was found, the trend, and what it rests on.

The question is the pack section's own (`reports/pack/sections/82_targets.targets.sql`): one definition, two readers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

    from evidence.periods import Period
    from reports.dora.metrics import Metrics

_QUESTION = Path(__file__).parents[1] / "pack" / "sections" / "82_targets.targets.sql"


def targets(con: duckdb.DuckDBPyConnection, metrics: Metrics, period: Period) -> list[dict[str, Any]]:
    """One row per target.

    Keys: target, wanted, value (None: not known), unit, n, status (`met`, `missed`, `no facts`, `unknown` or
    `no source`), weeks_met, points (month and value), trend (`better`, `steady`, `worse` or empty), evidence, note.

    Args:
        con: session with the base tables of the warehouse.
        metrics: those of `period`.
        period: the window.
    """
    con.register("computed_value", metrics.metric_value)
    con.execute("CREATE OR REPLACE TEMP TABLE metric_value AS FROM computed_value")
    con.execute("SET VARIABLE zone = $zone", {"zone": period.zone})
    con.execute(
        "CREATE OR REPLACE TEMP TABLE pack_period AS SELECT $starts::TIMESTAMPTZ AS starts, $ends::TIMESTAMPTZ AS ends",
        {"starts": period.start, "ends": period.end},
    )
    answer = con.execute(_QUESTION.read_text(encoding="utf-8"))
    columns = [column[0] for column in answer.description or []]
    return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]
