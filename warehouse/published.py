"""Tables of what was found: metrics, verdicts, the census of fields; kept so that people read them in SQL.

- Append-only. What was said of a period stays; a later, different answer is the next version, with its reason.
- The views `…_current` show the newest version of each.
- They are written by the reports (reports.kept) and the census (warehouse.census), and read like any other table;
  nothing that a control asks rests on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.lake import arrow_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from warehouse.lake import Lake

_NUMBERS = (
    "minimum", "mean", "maximum", "p50", "p75", "p90", "p95", "km_median", "median_per_day", "median_per_week",
    "mean_per_week", "median_per_month", "ci_low", "ci_high", "maturity_days",
)  # fmt: skip
_COUNTS = ("n", "numerator", "denominator", "open_count", "change_bearing_count", "days_with_deploy", "excluded_count")

METRIC_VALUE: Mapping[str, str] = {
    "period": "VARCHAR", "version": "BIGINT", "reason": "VARCHAR", "computed_at": "TIMESTAMPTZ",
    "as_of": "TIMESTAMPTZ", "metric_value_id": "VARCHAR", "metric": "VARCHAR", "definition_version": "VARCHAR",
    "grain": "VARCHAR", "period_start": "DATE", "period_end": "DATE", "service": "VARCHAR", "value": "DOUBLE",
    "unit": "VARCHAR", "fact_unit": "VARCHAR", "family": "VARCHAR", "status": "VARCHAR", "inputs_sha256": "VARCHAR",
    **dict.fromkeys(_COUNTS, "BIGINT"), **dict.fromkeys(_NUMBERS, "DOUBLE"),
}  # fmt: skip
METRIC_EVIDENCE: Mapping[str, str] = {
    "metric_value_id": "VARCHAR", "role": "VARCHAR", "fact_type": "VARCHAR", "fact_id": "VARCHAR",
    "reason": "VARCHAR", "computed_at": "TIMESTAMPTZ",
}  # fmt: skip
CONTROL_CONCLUSIONS: Mapping[str, str] = {
    "period": "VARCHAR", "control": "VARCHAR", "version": "BIGINT", "assessed_at": "TIMESTAMPTZ",
    "conclusion": "VARCHAR", "why": "VARCHAR", "severity": "VARCHAR", "members": "BIGINT", "exceptions": "BIGINT",
    "indeterminate": "BIGINT", "definition_sha256": "VARCHAR", "result_sha256": "VARCHAR",
}  # fmt: skip
CONTROL_VERDICTS: Mapping[str, str] = {
    "period": "VARCHAR", "control": "VARCHAR", "version": "BIGINT", "assessed_at": "TIMESTAMPTZ",
    "population": "VARCHAR", "subject": "VARCHAR", "attribute": "VARCHAR", "verdict": "VARCHAR", "reason": "VARCHAR",
    "event_time": "TIMESTAMPTZ", "evidence": "VARCHAR",
}  # fmt: skip
CENSUS: Mapping[str, str] = {
    "stream": "VARCHAR", "kind": "VARCHAR", "name": "VARCHAR", "first_seen": "TIMESTAMPTZ", "capture": "VARCHAR",
    "record": "BIGINT",
}  # fmt: skip
CENSUS_RECEIPTS: Mapping[str, str] = {"stream": "VARCHAR", "receipt": "VARCHAR"}
PUBLISHED: Mapping[str, tuple[Mapping[str, str], str]] = {
    "metric_value": (
        METRIC_VALUE,
        "One delivery metric of one service and period, computed for the period `period`; `reason` says why a version.",
    ),
    "metric_evidence": (
        METRIC_EVIDENCE,
        "The facts behind a value, by `metric_value_id`. Weeks, months and quarters rest on those of their days.",
    ),
    "control_conclusions": (CONTROL_CONCLUSIONS, "One control's conclusion over a period, as assessed then."),
    "control_verdicts": (
        CONTROL_VERDICTS,
        "One verdict of one assessment; `evidence` is a JSON array of {stream, capture, record}.",
    ),
    "evidence_census": (
        CENSUS,
        "A top-level field (`field`) or kind of event (`kind`) that a stream has shown, and the first record with it.",
    ),
    "evidence_census_receipts": (CENSUS_RECEIPTS, "Receipts whose records the census has counted."),
}
# What was said, when, and why it changed: no capture gives it again.
HISTORY = frozenset({"metric_value", "metric_evidence", "control_conclusions", "control_verdicts"})
_PROGRESS = ("evidence_conservation", "evidence_census_receipts")  # what says that something is done already

CURRENT = """
CREATE OR REPLACE VIEW metric_value_current AS
SELECT * FROM metric_value
QUALIFY row_number() OVER (
    PARTITION BY period, metric, service, grain, period_start ORDER BY version DESC, computed_at DESC
) = 1;

CREATE OR REPLACE VIEW control_conclusions_current AS
SELECT * FROM control_conclusions
QUALIFY row_number() OVER (PARTITION BY period, control ORDER BY version DESC, assessed_at DESC) = 1;

CREATE OR REPLACE VIEW control_verdicts_current AS
SELECT v.* REPLACE (
    CAST(CAST(v.evidence AS JSON) AS STRUCT(stream VARCHAR, capture VARCHAR, record BIGINT)[]) AS evidence)
FROM control_verdicts AS v
SEMI JOIN control_conclusions_current AS c USING (period, control, version, assessed_at);
"""


def add_current(con: duckdb.DuckDBPyConnection) -> None:
    """Make the views of the newest versions, in a session with the tables of `PUBLISHED`."""
    con.execute(CURRENT)


def forget(lake: Lake) -> list[str]:
    """Drop every table that the captures give again; those of `HISTORY` stay. The names of the dropped ones.

    What says that something is done goes first: a call that dies half-way leaves rows that the next build finds, never
    counts without their rows.
    """
    derived = [table for table in lake.tables() if table not in HISTORY]
    for table in sorted(derived, key=lambda name: name not in _PROGRESS):
        lake.drop(table)
    return derived


def append(lake: Lake, table: str, rows: pa.Table | Sequence[Mapping[str, object]]) -> None:
    """Append rows to a table of `PUBLISHED`, in one snapshot; nothing is written where there are none.

    Args:
        lake: where the tables are.
        table: a name of `PUBLISHED`.
        rows: with the table's columns.
    """
    columns = PUBLISHED[table][0]
    held = rows.select(list(columns)) if isinstance(rows, pa.Table) else arrow_rows(rows, columns)
    if not held.num_rows:
        return
    path = lake.data_folder(table) / f"{uuid4().hex}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(held, path, compression="zstd")
    lake.add(table, columns, [path])
