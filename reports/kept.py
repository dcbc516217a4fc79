"""Keep what was found as tables of the lake: metric values, verdicts, conclusions.

- Only what differs from the newest version is written, so that a second run with nothing new writes nothing.
- A value of a period that was over when it was computed is never replaced: another one is a restatement, with its
  reason: other facts, or another definition.
- Verdicts are written before the conclusion that they belong to; without it they count as not written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evidence.canonical import canonical, sha256
from warehouse.published import METRIC_EVIDENCE, append

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import duckdb

    from controls.results import ControlResult
    from evidence.periods import Period
    from reports.dora.metrics import Metrics
    from warehouse.lake import Lake

# `maturity_days` only tells how long ago a period ended; it is no part of what is said of it.
_CHANGED = """
CREATE OR REPLACE TEMP TABLE kept_value AS
WITH newest AS (SELECT * FROM metric_value_current WHERE period = $period)
SELECT $period AS period, coalesce(h.version, 0) + 1 AS version,
    CASE
        WHEN h.version IS NULL THEN 'first'
        WHEN h.as_of < timezone($zone, CAST(c.period_end AS TIMESTAMP)) THEN 'the period was not over'
        WHEN h.definition_version <> c.definition_version THEN 'restated: the definition changed'
        WHEN h.inputs_sha256 <> c.inputs_sha256 THEN 'restated: the facts changed'
        ELSE 'restated: what is known of the facts changed'
    END AS reason,
    $computed_at::TIMESTAMPTZ AS computed_at, $as_of::TIMESTAMPTZ AS as_of, c.*
FROM computed_value AS c
LEFT JOIN newest AS h USING (metric, service, grain, period_start)
WHERE h.version IS NULL
    OR (h.metric_value_id, h.status, h.value, h.n, h.numerator, h.open_count, h.excluded_count, h.mean, h.p95)
        IS DISTINCT FROM
        (c.metric_value_id, c.status, c.value, c.n, c.numerator, c.open_count, c.excluded_count, c.mean, c.p95)
UNION ALL BY NAME
-- A day without facts has no value: one that had some, before a record was corrected, is withdrawn.
SELECT h.* EXCLUDE (version, reason, computed_at, as_of, metric_value_id, status, value, n, numerator, denominator),
    h.version + 1 AS version, 'restated: the facts are no more' AS reason, $computed_at::TIMESTAMPTZ AS computed_at,
    $as_of::TIMESTAMPTZ AS as_of, sha256(h.metric_value_id || '|withdrawn') AS metric_value_id,
    'withdrawn' AS status, 0::BIGINT AS n
FROM newest AS h
ANTI JOIN computed_value USING (metric, service, grain, period_start)
WHERE h.status <> 'withdrawn'
"""
_EVIDENCE = """
SELECT e.*, $computed_at::TIMESTAMPTZ AS computed_at
FROM computed_evidence AS e
SEMI JOIN kept_value USING (metric_value_id)
ANTI JOIN metric_evidence AS h USING (metric_value_id)
ORDER BY ALL
"""


def keep_metrics(
    lake: Lake, con: duckdb.DuckDBPyConnection, period: Period, metrics: Metrics, *, as_of: datetime, now: datetime
) -> int:
    """Append the values that differ from the newest ones kept of `period`, with their facts; how many.

    Args:
        lake: where they are kept.
        con: session with the base tables of `lake`.
        period: the window that was measured.
        metrics: what was computed.
        as_of: later facts were not known.
        now: the time of computing.
    """
    con.register("computed_value", metrics.metric_value)
    con.register("computed_evidence", metrics.metric_evidence)
    con.execute(_CHANGED, {"period": period.name, "zone": period.zone, "computed_at": now, "as_of": as_of})
    evidence = con.execute(_EVIDENCE, {"computed_at": now}).to_arrow_table()
    values = con.sql("FROM kept_value ORDER BY metric, service, grain, period_start").to_arrow_table()
    append(lake, "metric_evidence", evidence.select(list(METRIC_EVIDENCE)))
    append(lake, "metric_value", values)
    return int(values.num_rows)


def keep_results(
    lake: Lake, con: duckdb.DuckDBPyConnection, period: Period, results: Sequence[ControlResult], *, now: datetime
) -> list[str]:
    """Append the results that differ from the newest ones kept of `period`; the ids of their controls."""
    held = {
        control: (int(version), digest)
        for control, version, digest in con.execute(
            "SELECT control, version, result_sha256 FROM control_conclusions_current WHERE period = $period",
            {"period": period.name},
        ).fetchall()
    }
    verdicts: list[dict[str, object]] = []
    conclusions: list[dict[str, object]] = []
    for result in results:
        version, digest = held.get(result.control.id, (0, ""))
        found = sha256(canonical(result.as_json()))
        if found == digest:
            continue
        common = {
            "period": period.name, "control": result.control.id, "version": version + 1, "assessed_at": now
        }  # fmt: skip
        verdicts += [common | row for row in _verdicts(result)]
        conclusions.append(common | _conclusion(result) | {"result_sha256": found})
    append(lake, "control_verdicts", verdicts)
    append(lake, "control_conclusions", conclusions)
    return [str(row["control"]) for row in conclusions]


def _conclusion(result: ControlResult) -> dict[str, object]:
    counts = result.counts.values()
    return {
        "conclusion": result.conclusion, "why": result.why, "severity": result.severity,
        "members": sum(len(members.subjects) for members in result.populations),
        "exceptions": sum(held["EXCEPTION"] for held in counts),
        "indeterminate": sum(held["INDETERMINATE"] for held in counts),
        "definition_sha256": result.control.sha256,
    }  # fmt: skip


def _verdicts(result: ControlResult) -> list[dict[str, object]]:
    return [
        {
            "population": v.population, "subject": v.subject, "attribute": v.attribute, "verdict": v.verdict,
            "reason": v.reason, "event_time": v.event_time,
            "evidence": canonical([proof.as_json() for proof in v.evidence]).decode(),
        }
        for v in result.verdicts
    ]  # fmt: skip
