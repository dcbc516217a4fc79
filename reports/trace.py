"""Follow what was found down to the bytes: a metric value to its facts, a verdict to its evidence, both to records.

- The facts of a value are those that were kept with it (`metric_evidence`), as of its version. Facts lead on to other
  facts: a deployment to its commits and incidents, a commit to its deployment.
- A value is computed again from the tables on the way: `recomputed` says whether that gives the same.
- A record is named by capture and number; its text is read from the locker, whose bytes are checked against the name.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.custody import capture_key
from evidence.errors import ConfigError, IntegrityError
from reports.dora.warehouse import of_period
from warehouse.sheets import sheets
from warehouse.staging import record_texts

if TYPE_CHECKING:
    import duckdb

    from reports.dora.metrics import Metrics
    from warehouse.home import Home

METRIC = re.compile(r"(?P<metric>[a-z_]+)\|(?P<service>[^|]+)\|(?P<grain>[a-z0-9_]+)\|(?P<start>\d{4}-\d\d-\d\d)")
VALUE_ID = re.compile(r"[0-9a-f]{12,64}")
VERDICT = re.compile(r"(?P<control>[A-Z]+-\d+)\.(?P<attribute>[A-Z]|\*)/(?P<subject>.+)", re.DOTALL)
RECORD = re.compile(r"(?P<capture>[0-9a-f]{64}):(?P<record>\d+)")
FORMS = "METRIC|SERVICE|GRAIN|PERIOD_START, a metric_value_id, CONTROL.ATTRIBUTE/SUBJECT, or CAPTURE:RECORD"
_VIEWS = Path(__file__).with_name("trace.sql")

_FACTS = """
WITH asked AS (
    SELECT * FROM metric_value WHERE metric_value_id = $id AND period = $period AND version = $version
),
own AS (SELECT DISTINCT metric_value_id FROM metric_evidence SEMI JOIN asked USING (metric_value_id)),
-- The days of a longer period, in the version that was the newest one when it was computed.
day AS (
    SELECT d.metric_value_id, d.status
    FROM metric_value AS d
    JOIN asked AS a ON d.period = a.period AND d.metric = a.metric AND d.service = a.service
        AND d.period_start >= a.period_start AND d.period_start < a.period_end AND d.computed_at <= a.computed_at
    WHERE d.grain = 'day' AND a.grain <> 'day' AND NOT EXISTS (FROM own)
    QUALIFY row_number() OVER (PARTITION BY d.period_start ORDER BY d.version DESC) = 1
)
SELECT DISTINCT role, fact_type, fact_id, reason FROM metric_evidence
WHERE metric_value_id IN (FROM own UNION ALL SELECT metric_value_id FROM day WHERE status <> 'withdrawn')
ORDER BY role = 'excluded', role <> 'numerator', fact_type, fact_id, role
"""
_LINKS = """
SELECT DISTINCT l.fact_type, l.fact_id, l.relation, l.to_type, l.to_id
FROM fact_link AS l SEMI JOIN traced AS t ON t.fact_type = l.fact_type AND t.fact_id = l.fact_id
ORDER BY ALL
"""
_RECORDS = """
SELECT r.fact_type, r.fact_id, r.evidence.stream, r.evidence.capture, r.evidence.record, r.natural_key,
    CAST(r.collected_at AS VARCHAR), r.receipt
FROM fact_record AS r SEMI JOIN traced AS t ON t.fact_type = r.fact_type AND t.fact_id = r.fact_id
ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class Source:
    """One record that something rests on: its stream, its bytes, and the receipt of the collection that brought it."""

    stream: str
    capture: str
    record: int
    natural_key: str | None = None
    collected_at: str | None = None
    receipt: str | None = None

    @property
    def key(self) -> str:
        """Where the capture lies in the store."""
        return capture_key(self.capture)

    def as_json(self) -> dict[str, Any]:
        """As `trace --json` prints it."""
        return {
            "stream": self.stream, "capture": self.capture, "record": self.record, "natural_key": self.natural_key,
            "collected_at": self.collected_at, "receipt": self.receipt, "key": self.key,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One fact or verdict on the way: what it is to the one above, its records, and what it leads to."""

    relation: str
    kind: str
    id: str
    note: str
    records: tuple[Source, ...]
    steps: tuple[Step, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `trace --json` prints it."""
        return {
            "relation": self.relation, "kind": self.kind, "id": self.id, "note": self.note,
            "records": [source.as_json() for source in self.records], "steps": [s.as_json() for s in self.steps],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trace:
    """What was asked, as it is kept, and what it rests on."""

    id: str
    found: dict[str, Any]
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """As `trace --json` prints it."""
        return {"id": self.id, "found": self.found, "steps": [step.as_json() for step in self.steps]}


def trace(home: Home, name: str, *, period: str | None = None) -> list[Trace]:
    """What `name` rests on; several for a subject that several populations hold.

    Args:
        home: where it was kept.
        name: see `FORMS`.
        period: of several periods that hold it, this one; by default the newest that holds it whole.

    Raises:
        ConfigError: a name of no known form, or of nothing that was kept.
    """
    with home.connection() as con:
        if found := RECORD.fullmatch(name):
            return [_record(con, name, found["capture"], int(found["record"]))]
        if found := VERDICT.fullmatch(name):
            return _verdicts(con, name, found.groupdict(), period)
        if METRIC.fullmatch(name) or VALUE_ID.fullmatch(name):
            return [_metric(home, con, name, period)]
    raise ConfigError(f"{name!r} names nothing that can be traced", next_step=f"Write {FORMS}.")


def texts(home: Home, sources: set[Source]) -> dict[tuple[str, int], str]:
    """The exact texts of records, by capture and number; `IntegrityError` if a capture is not what its name says."""
    found: dict[tuple[str, int], str] = {}
    scratch = home.path / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    for stream in {source.stream for source in sources}:
        wanted: dict[str, set[int]] = {}
        for source in sources:
            if source.stream == stream:
                wanted.setdefault(source.capture, set()).add(source.record)
        for capture in wanted:
            _check(home, capture)
        found |= record_texts(home.custody, sheets()[stream], wanted, scratch)
    return found


def _check(home: Home, capture: str) -> None:
    path = home.store.local_path(capture_key(capture))
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != capture:
            raise IntegrityError(
                f"{capture_key(capture)} no longer holds the bytes that its name says",
                next_step="Keep the locker as it is and compare it with its copies.",
            )


def _record(con: duckdb.DuckDBPyConnection, name: str, capture: str, record: int) -> Trace:
    streams = con.execute(
        "SELECT DISTINCT stream FROM evidence_conservation WHERE capture = $capture ORDER BY ALL", {"capture": capture}
    ).fetchall()
    if not streams:
        raise ConfigError(f"no capture {capture} was built", next_step="Run `evidence build`, or look at the digest.")
    sources = tuple(_source(con, stream, capture, record) for (stream,) in streams)
    return Trace(name, {}, (Step("record", "record", name, "", sources),))


def _source(con: duckdb.DuckDBPyConnection, stream: str, capture: str, record: int) -> Source:
    """A record with what its table says of it; a duplicate has no row, and says nothing more."""
    table = sheets()[stream].table
    row = con.execute(
        f"SELECT natural_key, CAST(collected_at AS VARCHAR), receipt FROM {table}"  # noqa: S608 - a sheet's own table
        " WHERE capture = $capture AND record = $record",
        {"capture": capture, "record": record},
    ).fetchone()
    return Source(stream, capture, record, *(row or ()))


def _verdicts(con: duckdb.DuckDBPyConnection, name: str, asked: dict[str, str], period: str | None) -> list[Trace]:
    rows = _dicts(
        con.execute(
            "SELECT * FROM control_verdicts_current WHERE control = $control AND attribute = $attribute"
            " AND subject = $subject AND ($period IS NULL OR period = $period)"
            " QUALIFY dense_rank() OVER (ORDER BY assessed_at DESC, period DESC) = 1 ORDER BY population",
            {**asked, "period": period},
        )
    )
    if not rows:
        raise ConfigError(
            f"no verdict {name} is kept" + (f" of {period}" if period else ""),
            next_step="Verdicts are kept by `evidence run --period QUARTER`; `evidence sql` on control_verdicts_current"
            " lists their subjects.",
        )
    traces = []
    for row in rows:
        sources = tuple(_source(con, e["stream"], e["capture"], e["record"]) for e in row.pop("evidence"))
        step = Step("evidence", "verdict", name, row["reason"], sources)
        traces.append(Trace(name, {key: _plain(value) for key, value in row.items()}, (step,)))
    return traces


def _metric(home: Home, con: duckdb.DuckDBPyConnection, name: str, period: str | None) -> Trace:
    value = _value(con, name, period)
    keys = {"id": value["metric_value_id"], "period": value["period"], "version": value["version"]}
    facts = _dicts(con.execute(_FACTS, keys))
    again = of_period(con, home.config, home.config.period(value["period"]), as_of=value["as_of"])
    recomputed = _recomputed(value, again)
    con.execute(_VIEWS.read_text(encoding="utf-8"))
    first = {(f["fact_type"], f["fact_id"]) for f in facts}
    links = _links(con, first)
    after = {(to_type, to_id) for held in links.values() for _, to_type, to_id in held}
    records = _records(con, first | after)
    steps = tuple(
        Step(
            f["role"], f["fact_type"], f["fact_id"], f["reason"] or "", records.get((f["fact_type"], f["fact_id"]), ()),
            tuple(
                Step(relation, kind, to, "", records.get((kind, to), ()))
                for relation, kind, to in links.get((f["fact_type"], f["fact_id"]), [])
            ),
        )
        for f in facts
    )  # fmt: skip
    found = {key: _plain(value) for key, value in value.items()}
    return Trace(name, {**found, "recomputed": recomputed}, steps)


def _recomputed(value: dict[str, Any], again: Metrics) -> str:
    if value["metric_value_id"] in again.metric_value.column("metric_value_id").to_pylist():
        return "the same"
    if value["definition_version"] not in again.metric_value.column("definition_version").to_pylist():
        return "not comparable: the definition is another now"
    return "differs: the tables hold other facts now"


def _value(con: duckdb.DuckDBPyConnection, name: str, period: str | None) -> dict[str, Any]:
    parts = METRIC.fullmatch(name)
    where = "starts_with(metric_value_id, $name)"
    given = {"name": name, "period": period}
    if parts:
        where = "metric = $metric AND service = $service AND grain = $grain AND period_start = $start::DATE"
        given = {**parts.groupdict(), "period": period}
    rows = _dicts(
        con.execute(
            f"SELECT * FROM metric_value WHERE {where} AND ($period IS NULL OR period = $period)"  # noqa: S608 - above
            " ORDER BY status IN ('partial', 'withdrawn'), computed_at DESC, period DESC, version DESC LIMIT 1",
            given,
        )
    )
    if not rows:
        raise ConfigError(
            f"no metric value {name} is kept" + (f" of {period}" if period else ""),
            next_step="Values are kept by `evidence run --period QUARTER`; `evidence sql` on metric_value_current"
            " lists them.",
        )
    return rows[0]


def _links(con: duckdb.DuckDBPyConnection, facts: set[tuple[str, str]]) -> dict[tuple[str, str], list[Any]]:
    _register(con, facts)
    found: dict[tuple[str, str], list[Any]] = {}
    for fact_type, fact_id, *link in con.execute(_LINKS).fetchall():
        found.setdefault((fact_type, fact_id), []).append(link)
    return found


def _records(con: duckdb.DuckDBPyConnection, facts: set[tuple[str, str]]) -> dict[tuple[str, str], tuple[Source, ...]]:
    _register(con, facts)
    found: dict[tuple[str, str], tuple[Source, ...]] = {}
    for fact_type, fact_id, *source in con.execute(_RECORDS).fetchall():
        held = Source(*source)
        found[fact_type, fact_id] = (*found.get((fact_type, fact_id), ()), held)
    return found


def _register(con: duckdb.DuckDBPyConnection, facts: set[tuple[str, str]]) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE traced (fact_type VARCHAR, fact_id VARCHAR)")
    if facts:
        types, ids = zip(*sorted(facts), strict=True)
        con.execute("INSERT INTO traced SELECT unnest($types), unnest($ids)", {"types": list(types), "ids": list(ids)})


def _dicts(answer: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    columns = [column[0] for column in answer.description or []]
    return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
