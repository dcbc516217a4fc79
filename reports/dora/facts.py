"""The contract of the facts that the DORA metrics are computed from.

- Facts are relations of a DuckDB connection: `commits, pull_requests, pr_commits, deployments, incidents`,
  and optionally `services, pipeline_runs, slo_samples, collection_gaps`. A relation may be a table or a view.
- A relation that does not exist is a source that is not connected: its metrics say `no_source`, never zero.
  A relation without rows is a source that had nothing to say.
- Instants are TIMESTAMPTZ, or TIMESTAMP in UTC, or text in ISO 8601 with an offset. Empty text is NULL.
- Lists are VARCHAR[] or text: `parents` and `issues` separated by spaces, commas or semicolons, `label` by commas,
  semicolons or bars, `paths` and `path_globs` by semicolons.
- Columns beyond the contract are ignored; optional ones that are absent get the default given here.
- Rows equal in all columns count once. Of rows that share a key, the one with the latest `recorded_at` counts,
  and the guard `duplicate_ids` reports them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from evidence.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection

TEXT, INSTANT, LIST, INTEGER, BOOLEAN = "VARCHAR", "TIMESTAMPTZ", "VARCHAR[]", "BIGINT", "BOOLEAN"
DOUBLE = "DOUBLE"
INSTANT_PATTERN = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)$"
# Patterns; a path may hold spaces and commas, a label spaces.
LIST_SEPARATORS = {"parents": "[ ,;]", "issues": "[ ,;]", "label": "[,;|]", "paths": ";", "path_globs": ";"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a relation; `meaning` says what it holds and where it comes from."""

    name: str
    type: str
    meaning: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation of facts: its natural key and its columns; `optional` ones may be absent without a word."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    optional: bool = False


def _recorded() -> Column:
    return Column("recorded_at", INSTANT, "when this row was recorded; decides between versions", optional=True)


RELATIONS = (
    Relation(
        "commits",
        ("repo", "sha"),
        (
            Column("sha", TEXT, "commit id; github.commits `sha`"),
            Column("repo", TEXT, "repository, spelled as in the other relations"),
            Column("parents", LIST, "ids of the parents, first parent first; more than one makes a merge"),
            Column("committed_at", INSTANT, "commit.committer.date"),
            Column("pr", TEXT, "number of the pull request it came by, NULL for a direct push"),
            Column("paths", LIST, "files touched; default: unknown, counts for each service", optional=True),
            _recorded(),
        ),
    ),
    Relation(
        "pull_requests",
        ("repo", "pr"),
        (
            Column("pr", TEXT, "number, unique in its repository"),
            Column("repo", TEXT, "repository"),
            Column("title", TEXT, 'title; `Revert "…"` makes a revert'),
            Column("label", LIST, "labels; `hotfix`, or the id of an incident"),
            Column("merge_method", TEXT, "merge | squash | rebase; `squash` makes merge_sha a squash"),
            Column("merge_sha", TEXT, "merge_commit_sha, NULL while unmerged"),
            Column("created_at", INSTANT, "created_at"),
            Column("merged_at", INSTANT, "merged_at, NULL while unmerged"),
            Column("head_branch", TEXT, "head.ref; `hotfix/…` and `revert-<number>-…` have a meaning"),
            Column("body", TEXT, "body; `Reverts org/repo#1` and `Fixes #1` have a meaning", optional=True),
            Column("issues", LIST, "issues it closes: numbers of its repository or incident ids", optional=True),
            _recorded(),
        ),
    ),
    Relation(
        "pr_commits",
        ("repo", "pr", "sha"),
        (
            Column("pr", TEXT, "number of the pull request"),
            Column("repo", TEXT, "repository"),
            Column("sha", TEXT, "commit as it was on the branch; survives a squash only here"),
            Column("committed_at", INSTANT, "commit.committer.date on the branch"),
            _recorded(),
        ),
    ),
    Relation(
        "deployments",
        ("service", "environment", "deployment_id", "run_id", "run_attempt"),
        (
            Column("deployment_id", TEXT, "id of this attempt, unique over all services"),
            Column("service", TEXT, "service deployed"),
            Column("environment", TEXT, "environment; `production` counts, others are walked but not counted"),
            Column("sha", TEXT, "commit deployed"),
            Column("run_id", TEXT, "workflow run; attempts of one run and commit are one deployment"),
            Column("run_attempt", INTEGER, "attempt of the run, from 1"),
            Column("created_at", INSTANT, "when it was asked for"),
            Column(
                "final_state",
                TEXT,
                "one of STATES, of the first final status, never a later `inactive`; NULL: unfinished",
            ),
            Column("final_at", INSTANT, "created_at of that status, NULL while unfinished"),
            Column(
                "repo", TEXT, "repository of sha; default: that of `services`, else the service's name", optional=True
            ),
            Column("ticket", TEXT, "incident id that this deployment answers; default: none", optional=True),
            _recorded(),
        ),
    ),
    Relation(
        "incidents",
        ("incident_id", "service", "environment"),
        (
            Column("incident_id", TEXT, "unique over sources and repositories; a row per service affected"),
            Column("issue_number", TEXT, "number in its repository; means nothing without the repository"),
            Column("service", TEXT, "service affected"),
            Column("environment", TEXT, "environment affected"),
            Column("created_at", INSTANT, "triggered: the alert, or the detection"),
            Column("acknowledged_at", INSTANT, "first acknowledgement, NULL: none"),
            Column("resolved_at", INSTANT, "last close, NULL: open"),
            Column(
                "root_cause_sha",
                TEXT,
                "commit that the incident names as its cause, at least 7 letters of its id; NULL: none named",
            ),
            Column("repo", TEXT, "repository of issue_number; default as for deployments", optional=True),
            Column("started_at", INSTANT, "onset: when it began to hurt, before anybody knew", optional=True),
            Column("reopened_at", INSTANT, "last reopening; after resolved_at it is open again", optional=True),
            Column("deployment_id", TEXT, "deployment that a person judged to be the cause", optional=True),
            Column("change_related", BOOLEAN, "false: a person judged that no change caused it", optional=True),
            Column("fix_sha", TEXT, "commit that the incident names as its fix", optional=True),
            _recorded(),
        ),
    ),
    Relation(
        "services",
        ("service", "valid_from"),
        (
            Column("service", TEXT, "service"),
            Column("repo", TEXT, "its repository", optional=True),
            Column("path_globs", LIST, "its files in a monorepo; default: all of the repository", optional=True),
            Column("team", TEXT, "team that owns it in this stretch; facts are those of the team then", optional=True),
            Column("valid_from", INSTANT, "in being from; default: always was", optional=True),
            Column("valid_to", INSTANT, "in being until; default: still is", optional=True),
            _recorded(),
        ),
        optional=True,
    ),
    Relation(
        "pipeline_runs",
        ("service", "run_id", "run_attempt"),
        (
            Column("service", TEXT, "service built"),
            Column("run_id", TEXT, "workflow run"),
            Column("run_attempt", INTEGER, "attempt, from 1"),
            Column("started_at", INSTANT, "run_started_at of the attempt"),
            Column("completed_at", INSTANT, "latest completed_at of its jobs, NULL while unfinished"),
            _recorded(),
        ),
        optional=True,
    ),
    Relation(
        "slo_samples",
        ("service", "instant"),
        (
            Column("service", TEXT, "service measured"),
            Column("instant", INSTANT, "time of the sample"),
            Column("error_ratio", DOUBLE, "share of requests that failed, from 0 to 1; NULL: not known"),
            _recorded(),
        ),
        optional=True,
    ),
    Relation(
        "collection_gaps",
        ("started_at", "ended_at"),
        (
            Column("started_at", INSTANT, "nothing was collected from"),
            Column("ended_at", INSTANT, "until; a longer gap than the limit makes new baselines"),
        ),
        optional=True,
    ),
)
BY_NAME = {relation.name: relation for relation in RELATIONS}
REQUIRED = tuple(relation.name for relation in RELATIONS if not relation.optional)
FAILED_STATES = ("failure", "error", "timed_out")
STATES = ("success", *FAILED_STATES, "cancelled", "skipped", "in_progress", "queued", "pending", "waiting")


def from_views(con: duckdb.DuckDBPyConnection, *, absent: Collection[str] = ()) -> None:
    """Check that the connection's relations keep the contract.

    Args:
        con: holds the relations; nothing is written to it.
        absent: names of relations that are knowingly not connected.

    Raises:
        ConfigError: naming the relation and the columns that are missing, or a value that is no fact.
    """
    for relation in RELATIONS:
        found = columns_of(con, relation.name)
        if not found:
            if relation.name in absent or relation.optional:
                continue
            raise ConfigError(
                f"the facts need a relation {relation.name}; the connection has none",
                next_step=f"provide it with the columns {_required(relation)}, or declare it absent",
            )
        missing = [c.name for c in relation.columns if not c.optional and c.name not in found]
        if missing:
            raise ConfigError(
                f"{relation.name} lacks {', '.join(missing)}; found {', '.join(found)}",
                next_step=f"provide the columns {_required(relation)}",
            )
        _check_values(con, relation, found)


def columns_of(con: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    """Column name → type of a relation as the connection resolves it; empty if there is none."""
    try:
        rows = con.execute(f"DESCRIBE {name}").fetchall()
    except duckdb.CatalogException:
        return {}
    return {row[0]: row[1] for row in rows}


def connected(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The relations that are there, and so are sources that had a chance to speak."""
    return {relation.name for relation in RELATIONS if columns_of(con, relation.name)}


def _required(relation: Relation) -> str:
    return ", ".join(c.name for c in relation.columns if not c.optional)


def _check_values(con: duckdb.DuckDBPyConnection, relation: Relation, found: dict[str, str]) -> None:
    for column in relation.columns:
        if column.type == INSTANT and found.get(column.name) == TEXT:
            bad = con.execute(
                f"SELECT {column.name} FROM {relation.name} WHERE {column.name} <> '' AND"  # noqa: S608 - names of the contract
                f" (NOT regexp_matches({column.name}, $pattern) OR TRY_CAST({column.name} AS TIMESTAMPTZ) IS NULL)"
                " LIMIT 1",
                {"pattern": INSTANT_PATTERN},
            ).fetchone()
            if bad:
                raise ConfigError(
                    f"{relation.name}.{column.name} holds {bad[0]!r}, which is no instant",
                    next_step="write instants like 2026-03-02T08:00:00Z, with an offset",
                )
    if relation.name == "deployments":
        _check_states(con)


def _check_states(con: duckdb.DuckDBPyConnection) -> None:
    bad = con.execute(
        "SELECT final_state FROM deployments WHERE final_state <> '' AND NOT list_contains($states, final_state)"
        " LIMIT 1",
        {"states": list(STATES)},
    ).fetchone()
    if bad:
        raise ConfigError(
            f"deployments.final_state holds {bad[0]!r}; valid are {', '.join(STATES)}",
            next_step="map the source's states to these; `inactive` is not the end of a deployment",
        )
