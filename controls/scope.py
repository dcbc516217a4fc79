"""Put the scope into a session: what is in scope, and which parameters are in force, as tables that questions join.

The mapping has the shape of `scope:` in `evidence.yaml`. Every list may be left out; then nothing of it is in scope.

=====================  ==========================================================================================
scope_repositories     repo, repo_id, service, sox_critical, image, required_checks, valid_from, valid_to
scope_branches         repo, branch: protected branches
scope_environments     environment: production environments
scope_namespaces       namespace: production namespaces
scope_secret_paths     prefix: beginnings of production secret paths
scope_state_keys       state (`bucket/key`), bucket, key
scope_owned_paths      repo, path (glob), owner (worker id): paths whose change an owner must approve
scope_people           role (`emergency_approvers`, `security_team`, …), worker_id
scope_values           name, value (JSON text): every other entry, e.g. `deploy_workflow`, `emergency_label`
parameter_history      control (`*` = all), name, value, valid_from, valid_to, rank, seconds: see macro `parameter_at`
parameter_units        name, unit
known_streams          stream, alias, mutability: of every sheet
control_streams        control, stream: which controls of the catalogue rest on which streams
stream_records         stream, natural_key, event_key, event_time, row_status, fetch, collected_at, receipt, evidence
=====================  ==========================================================================================

An entry of `repos` may carry `valid_from` and `valid_to`: the half-open stretch in which it is in scope.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from controls.definitions import MACROS, streams_of_controls
from controls.sheet import parameter_defaults
from evidence.errors import ConfigError
from warehouse.connect import add_views
from warehouse.lake import arrow_rows
from warehouse.receipts import add_custody
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import duckdb

_LISTS = {
    "prod_envs": ("scope_environments", "environment"),
    "prod_namespaces": ("scope_namespaces", "namespace"),
    "prod_secret_paths": ("scope_secret_paths", "prefix"),
    "cluster_resources": ("scope_cluster_resources", "resource"),
}
_STRUCTURED = {"repos", "tfstate_keys", "parameters", "period", *_LISTS}
_PLACE = {"repo", "repo_id", "as_of", "stage", "type", "device"}  # parts of natural keys that are no part of event keys
_REPOSITORIES = {
    "repo": "VARCHAR", "repo_id": "BIGINT", "service": "VARCHAR", "sox_critical": "BOOLEAN", "image": "VARCHAR",
    "required_checks": "VARCHAR", "valid_from": "VARCHAR", "valid_to": "VARCHAR",
}  # fmt: skip
_HISTORY = {
    "control": "VARCHAR", "name": "VARCHAR", "value": "VARCHAR", "valid_from": "TIMESTAMPTZ",
    "valid_to": "TIMESTAMPTZ", "rank": "BIGINT",
}  # fmt: skip


_PARAMETER_HISTORY = """
CREATE OR REPLACE TEMP TABLE parameter_history AS
SELECT v.*, TRY_CAST(v.value AS DOUBLE) * CASE split_part(u.unit, ' ', 1)
    WHEN 'seconds' THEN 1 WHEN 'minutes' THEN 60 WHEN 'hours' THEN 3600 WHEN 'days' THEN 86400 END AS seconds
FROM (
    FROM parameter_values
    UNION ALL
    SELECT coalesce(d.control, '*'), p.key, coalesce(p.value ->> '$', '[]'), d.effective_from, d.effective_to,
        1 + row_number() OVER (ORDER BY d.effective_from, d.version)
    FROM evidence_definitions AS d, json_each(d.parameters) AS p WHERE d.effective_from IS NOT NULL
) AS v
JOIN parameter_units AS u ON u.name = v.name
"""


def prepare(
    con: duckdb.DuckDBPyConnection,
    scope: Mapping[str, Any],
    *,
    zone: str,
    materialise: bool = True,
    questions: Iterable[str] | None = None,
) -> None:
    """Make a session with base tables ready for questions: scope, macros, shared views.

    Args:
        con: session with the base tables.
        scope: see the module's docstring.
        zone: IANA name of the company's zone.
        materialise: make tables of the views, as for all control questions.
        questions: make only the views that these read; None for every view.
    """
    register(con, scope, zone=zone)
    add_views(con, materialise=materialise, questions=questions)


def register(con: duckdb.DuckDBPyConnection, scope: Mapping[str, Any], *, zone: str) -> None:
    """Make the scope tables, the parameter tables and the macros of `controls/macros.sql`.

    Args:
        con: session with the base tables (warehouse.connect), and where receipts are kept with theirs
            (warehouse.receipts).
        scope: see the module's docstring.
        zone: IANA name of the company's zone.

    Raises:
        ConfigError: a parameter that the catalogue does not know.
    """
    con.execute("SET VARIABLE zone = $zone", {"zone": zone})
    repos = scope.get("repos", {})
    _table(con, "scope_repositories_text", _REPOSITORIES, _repositories(repos))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE scope_repositories AS SELECT * REPLACE ("
        " CAST(required_checks AS JSON)::VARCHAR[] AS required_checks,"
        " CAST(valid_from AS TIMESTAMPTZ) AS valid_from, CAST(valid_to AS TIMESTAMPTZ) AS valid_to)"
        " FROM scope_repositories_text"
    )
    branches = [{"repo": name, "branch": b} for name, repo in repos.items() for b in repo.get("protected", ())]
    _table(con, "scope_branches", {"repo": "VARCHAR", "branch": "VARCHAR"}, branches)
    for field, (table, column) in _LISTS.items():
        _table(con, table, {column: "VARCHAR"}, ({column: str(item)} for item in scope.get(field, ())))
    states = [dict(zip(("bucket", "key"), state.split("/", 1), strict=True)) for state in scope.get("tfstate_keys", ())]
    state_columns = {"state": "VARCHAR", "bucket": "VARCHAR", "key": "VARCHAR"}
    _table(con, "scope_state_keys", state_columns, ({"state": f"{s['bucket']}/{s['key']}", **s} for s in states))
    _table(con, "scope_owned_paths", {"repo": "VARCHAR", "path": "VARCHAR", "owner": "VARCHAR"}, _owned(repos))
    _table(con, "scope_people", {"role": "VARCHAR", "worker_id": "VARCHAR"}, _people(scope))
    values = ({"name": n, "value": _text(v)} for n, v in scope.items() if n not in _STRUCTURED)
    _table(con, "scope_values", {"name": "VARCHAR", "value": "VARCHAR"}, values)
    streams = ({"stream": s.stream, "alias": s.alias, "mutability": s.mutability} for s in sheets().values())
    _table(con, "known_streams", {"stream": "VARCHAR", "alias": "VARCHAR", "mutability": "VARCHAR"}, streams)
    rests_on = ({"control": c, "stream": stream} for c, streams in streams_of_controls().items() for stream in streams)
    _table(con, "control_streams", {"control": "VARCHAR", "stream": "VARCHAR"}, rests_on)
    _parameters(con, scope.get("parameters", {}))
    _ensure_custody(con)
    con.execute(MACROS.read_text(encoding="utf-8"))
    con.execute(f"CREATE OR REPLACE TEMP VIEW stream_records AS {_records()}")


def _records() -> str:
    """One query over the records of every source: stream, natural key, event key, times, status, evidence.

    The event key is the natural key without repository, snapshot time, stage, type and device.
    """
    parts = []
    for sheet in sheets().values():
        if sheet.stream.startswith("evidence.") or sheet.mutability == "snapshot":
            continue
        key = ", ".join(f'CAST("{column}" AS VARCHAR)' for column in sheet.key if column not in _PLACE)
        parts.append(
            f"SELECT '{sheet.stream}' AS stream, natural_key, concat_ws('/', {key}) AS event_key,"  # noqa: S608
            f' {sheet.event_time} AS event_time, row_status, "fetch", collected_at, receipt, evidence'
            f" FROM {sheet.table}"
        )
    return "\nUNION ALL\n".join(parts)


def _repositories(repos: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, repo in repos.items():
        yield {
            "repo": name, "repo_id": repo.get("id"), "service": repo.get("service"),
            "sox_critical": bool(repo.get("sox_critical", False)), "image": repo.get("image"),
            "required_checks": json.dumps(repo.get("required_checks", [])),
            "valid_from": repo.get("valid_from"), "valid_to": repo.get("valid_to"),
        }  # fmt: skip


def _owned(repos: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, repo in repos.items():
        for entry in repo.get("owned_paths", ()):
            for owner in entry["owners"]:
                yield {"repo": name, "path": entry["path"], "owner": owner}


def _people(scope: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for role, held in scope.items():
        if role not in _STRUCTURED and isinstance(held, list | tuple):
            yield from ({"role": role, "worker_id": str(person)} for person in held)


def _parameters(con: duckdb.DuckDBPyConnection, chosen: Mapping[str, Any]) -> None:
    """Default, scope and logged definitions, the later ones of higher rank."""
    defaults = parameter_defaults()
    if unknown := sorted(set(chosen) - set(defaults)):
        raise ConfigError(
            f"scope.parameters: {', '.join(unknown)} is not known; valid are {', '.join(defaults)}",
            next_step="Correct the name in the configuration.",
        )
    units = ({"name": name, "unit": held["unit"]} for name, held in defaults.items())
    _table(con, "parameter_units", {"name": "VARCHAR", "unit": "VARCHAR"}, units)
    given = [(name, held["value"], 0) for name, held in defaults.items()] + [(n, v, 1) for n, v in chosen.items()]
    rows = ({"control": "*", "name": name, "value": _text(value), "rank": rank} for name, value, rank in given)
    _table(con, "parameter_values", _HISTORY, rows)
    con.execute(_PARAMETER_HISTORY)


def _ensure_custody(con: duckdb.DuckDBPyConnection) -> None:
    """Empty tables of receipts where none are kept, as for cases in memory."""
    there = con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'custody_partitions'").fetchone()
    if there is None:
        add_custody(con, (), "UTC")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _table(
    con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]
) -> None:
    full = [{column: row.get(column) for column in columns} for row in rows]
    con.register("scope_rows", arrow_rows(full, columns))
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM scope_rows")
    con.unregister("scope_rows")
