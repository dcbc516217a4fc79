"""A small history to compute metrics from: facts are added by a line each, minutes after its start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from reports.dora.metrics import Metrics, compute
from reports.dora.parameters import Parameters

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAY = 24 * 60
SCHEMA = {
    "commits": "sha VARCHAR, repo VARCHAR, parents VARCHAR[], committed_at TIMESTAMPTZ, pr VARCHAR, paths VARCHAR[]",
    "pull_requests": "pr VARCHAR, repo VARCHAR, title VARCHAR, label VARCHAR[], merge_method VARCHAR,"
    " merge_sha VARCHAR, created_at TIMESTAMPTZ, merged_at TIMESTAMPTZ, head_branch VARCHAR, body VARCHAR",
    "pr_commits": "pr VARCHAR, repo VARCHAR, sha VARCHAR, committed_at TIMESTAMPTZ",
    "deployments": "deployment_id VARCHAR, service VARCHAR, environment VARCHAR, sha VARCHAR, run_id VARCHAR,"
    " run_attempt BIGINT, created_at TIMESTAMPTZ, final_state VARCHAR, final_at TIMESTAMPTZ, repo VARCHAR,"
    " ticket VARCHAR",
    "incidents": "incident_id VARCHAR, issue_number VARCHAR, service VARCHAR, environment VARCHAR,"
    " created_at TIMESTAMPTZ, acknowledged_at TIMESTAMPTZ, resolved_at TIMESTAMPTZ, root_cause_sha VARCHAR,"
    " reopened_at TIMESTAMPTZ, deployment_id VARCHAR, change_related BOOLEAN, fix_sha VARCHAR, recorded_at TIMESTAMPTZ,"
    " started_at TIMESTAMPTZ",
    "services": "service VARCHAR, repo VARCHAR, path_globs VARCHAR[], team VARCHAR, valid_from TIMESTAMPTZ,"
    " valid_to TIMESTAMPTZ",
    "slo_samples": "service VARCHAR, instant TIMESTAMPTZ, error_ratio DOUBLE",
    "collection_gaps": "started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ",
    "pipeline_runs": "service VARCHAR, run_id VARCHAR, run_attempt BIGINT, started_at TIMESTAMPTZ,"
    " completed_at TIMESTAMPTZ",
}


def at(minutes: float | None) -> datetime | None:
    """The instant that many minutes after the start; None stays None."""
    return None if minutes is None else START + timedelta(minutes=minutes)


@dataclass
class Computed:
    """What a history gave."""

    con: duckdb.DuckDBPyConnection
    metrics: Metrics

    def value(self, metric: str, statistic: str, *, service: str = "all", grain: str = "window") -> Any:
        """The value of the only such row."""
        (row,) = self.rows(metric, statistic, service=service, grain=grain)
        return row["value"]

    def rows(self, metric: str, statistic: str, *, service: str = "all", grain: str = "window") -> list[dict[str, Any]]:
        """The printed rows of one series."""
        wanted = {"metric": metric, "statistic": statistic, "service": service, "grain": grain}
        return [row for row in self.metrics.to_rows() if wanted.items() <= row.items()]

    def facts(self, metric: str, role: str, *, service: str = "all", grain: str = "window") -> set[str]:
        """Ids of the facts that have a role in the window's value."""
        (value,) = (
            row["metric_value_id"]
            for row in self.metrics.metric_value.to_pylist()
            if (row["metric"], row["service"], row["grain"]) == (metric, service, grain)
        )
        return {row["fact_id"] for row in self.metrics.trace(value) if row["role"] == role}

    def failed(self) -> set[str]:
        """Ids of the deployments that count as failed."""
        return self.facts("change_failure_rate", "numerator")

    def rework(self) -> set[str]:
        """Ids of the deployments that count as rework."""
        return self.facts("rework_rate", "numerator")

    def kinds(self) -> dict[str, str]:
        """Deployment id → what it was."""
        return dict(self.con.execute("SELECT deployment_id, kind FROM dora_deployment").fetchall())

    def guard(self, name: str) -> float | None:
        """The value of a guard."""
        return next(guard.value for guard in self.metrics.guards if guard.guard == name)


@dataclass
class History:
    """Facts under construction; every relation is connected unless it is named in `absent`."""

    facts: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in SCHEMA})
    absent: tuple[str, ...] = ("services", "collection_gaps", "pipeline_runs", "slo_samples")

    def commit(self, sha: str, minutes: float, *parents: str, repo: str = "app", **more: Any) -> History:
        """A commit."""
        return self.add("commits", sha=sha, repo=repo, parents=list(parents), committed_at=at(minutes), **more)

    def line(self, *shas: str, repo: str = "app", step: float = 10) -> History:
        """Commits one after the other, `step` minutes apart."""
        for index, sha in enumerate(shas):
            self.commit(sha, index * step, *shas[max(index - 1, 0) : index], repo=repo)
        return self

    def pull(self, pr: str, merge_sha: str, minutes: float = 0, *, repo: str = "app", **more: Any) -> History:
        """A merged pull request."""
        given = {"title": f"work {pr}", "label": [], "merge_method": "merge", "head_branch": f"b{pr}"} | more
        times = {"created_at": at(minutes - 60), "merged_at": at(minutes)}
        return self.add("pull_requests", pr=pr, repo=repo, merge_sha=merge_sha, **times, **given)

    def deploy(self, name: str, sha: str, minutes: float, *, service: str = "app", **more: Any) -> History:
        """A deployment attempt that ended `minutes` after the start, five minutes after it was asked for."""
        given = {"environment": "production", "run_id": name, "run_attempt": 1, "final_state": "success"} | more
        times = {"created_at": at(minutes - 5), "final_at": at(minutes)}
        return self.add("deployments", **({"deployment_id": name, "service": service, "sha": sha} | times | given))

    def incident(self, name: str, minutes: float, resolved: float | None = None, **more: Any) -> History:
        """An incident of the service `app` in production."""
        given = {"service": "app", "environment": "production", "issue_number": name.strip("I")} | more
        times = {"created_at": at(minutes), "resolved_at": at(resolved)}
        return self.add("incidents", incident_id=name, **(times | given))

    def add(self, relation: str, **row: Any) -> History:
        """A row of a relation, which is connected from now on."""
        self.facts[relation].append(row)
        self.absent = tuple(name for name in self.absent if name != relation)
        return self

    def connection(self) -> duckdb.DuckDBPyConnection:
        """A connection that holds the facts."""
        con = duckdb.connect()
        for name, schema in SCHEMA.items():
            if name in self.absent:
                continue
            con.execute(f"CREATE TABLE {name}({schema})")
            for row in self.facts[name]:
                marks = ", ".join("?" for _ in row)
                con.execute(f"INSERT INTO {name}({', '.join(row)}) VALUES ({marks})", list(row.values()))
        return con

    def compute(
        self, *, days: int = 28, first: int = 0, as_of: float | None = None, zone: str = "UTC", **chosen: Any
    ) -> Computed:
        """Compute over `days` from day `first`, as known `as_of` minutes after the start (default: the end)."""
        con = self.connection()
        start = date(START.year, START.month, START.day) + timedelta(days=first)
        known = at((first + days) * DAY if as_of is None else as_of)
        assert known is not None
        metrics = compute(
            con, start=start, end=start + timedelta(days=days), as_of=known, zone=zone, parameters=Parameters(**chosen)
        )
        return Computed(con, metrics)
