"""DORA metrics of a period from the warehouse: lay the facts out, compute.

A stream that was never asked leaves its relation out, so that what rests on it says `no_source`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow as pa

from controls import scope
from reports.dora.facts import from_views
from reports.dora.metrics import Metrics, compute
from reports.dora.parameters import Parameters
from warehouse.connect import words_of
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import duckdb

    from evidence.config import Config
    from evidence.periods import Period

_FACTS = Path(__file__).with_name("warehouse.sql")
# relation -> the stream without which nothing can be said of it
_STREAMS = {
    "commits": "git.commits",
    "pull_requests": "github.pull_requests",
    "pr_commits": "github.pull_request_commits",
    "deployments": "github.deployments",
    "incidents": "company.incidents",
    "pipeline_runs": "github.workflow_jobs",
    "slo_samples": "prometheus.ranges",
}


def measured_tables() -> list[str]:
    """The base tables that the metrics rest on, in order; shared views are not among what they read."""
    return sorted({sheet.table for sheet in sheets().values()} & words_of(_FACTS.read_text(encoding="utf-8")))


def lay_out(con: duckdb.DuckDBPyConnection, config: Config) -> None:
    """Make the relations of reports.dora.facts as views of a session of its own with the base tables."""
    scope.register(con, config.scope, zone=config.zone)
    con.register("service_owners_arrow", _owners(config))
    con.execute("CREATE OR REPLACE TEMP TABLE service_owners AS FROM service_owners_arrow")
    con.execute(_FACTS.read_text(encoding="utf-8"))
    absent = [relation for relation, stream in _STREAMS.items() if not _collected(con, stream)]
    for relation in absent:
        con.execute(f"DROP VIEW {relation}")
    from_views(con, absent=absent)


def of_period(
    con: duckdb.DuckDBPyConnection, config: Config, period: Period, *, as_of: datetime,
    environments: Sequence[str] | None = None,
) -> Metrics:  # fmt: skip
    """The metrics of `period` as known at `as_of`.

    Args:
        con: session with the base tables only (`Home.connection`).
        config: zone, fiscal calendar, scope.
        period: the window.
        as_of: later facts are not known.
        environments: measured instead of those that the scope calls production.
    """
    lay_out(con, config)
    parameters = Parameters(
        production=tuple(environments or config.scope.get("prod_envs", ("production",))),
        fiscal_year_start=config.fiscal_year_starts,
    )
    return compute(con, start=period.first, end=period.end_day, as_of=as_of, zone=config.zone, parameters=parameters)


def _owners(config: Config) -> pa.Table:
    """Who owns which service and repository when: an entry of `repos` in the scope, or each of its `owners`.

    `owners` is a list of `{team, valid_from, valid_to}`; an entry may also name its one `team`.
    """
    rows = [
        {
            "service": repo["service"], "repo": name, "team": owner.get("team"),
            "valid_from": owner.get("valid_from"), "valid_to": owner.get("valid_to"),
        }
        for name, repo in config.scope.get("repos", {}).items()
        if repo.get("service")
        for owner in repo.get("owners") or [{"team": repo.get("team")}]
    ]  # fmt: skip
    text = [
        [row[name] if row[name] is None else str(row[name]) for row in rows] for name in ("service", "repo", "team")
    ]
    bounds = [[_midnight(row[name], config.zone) for row in rows] for name in ("valid_from", "valid_to")]
    names = ["service", "repo", "team", "valid_from", "valid_to"]
    types = [pa.string()] * 3 + [pa.timestamp("us", tz="UTC")] * 2
    return pa.table([pa.array(column, kind) for column, kind in zip([*text, *bounds], types, strict=True)], names=names)


def _midnight(bound: date | str | None, zone: str) -> datetime | None:
    """An instant, or the local midnight of a date."""
    if bound is None:
        return None
    instant = datetime.fromisoformat(str(bound))
    return instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(zone))


def _collected(con: duckdb.DuckDBPyConnection, stream: str) -> bool:
    """Whether anything was built of a stream; an empty answer is an answer too."""
    row = con.execute(
        "SELECT EXISTS (FROM evidence_conservation WHERE stream = $stream)", {"stream": stream}
    ).fetchone()
    return bool(row and row[0])
