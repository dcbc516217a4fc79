"""The data dictionary: one sheet (YAML) per stream says which columns its table has, and where they come from.

A sheet is all that a stream on a new table needs. Its fields::

    stream: github.reviews          # full name; the file is named after it
    alias: gh.review                # short name used by controls and scenarios
    table: github_reviews
    meaning: One review of a pull request.
    mutability: mutable             # append_only | mutable | snapshot
    key: [review_id]                # columns of the natural key
    key_paths: [id]                 # the same in the record, context keys (`_repo`) included
    key_needs: [review_id]          # optional: without these the key says nothing, and the content stands in for it
    event_time: submitted_at        # column that tells when it happened, by the source's clock
    version_order: submitted_at     # optional: column that orders versions of one object (default: order of arrival)
    required: [review_id]           # optional: a record without these is no record of this stream: quarantined
    items: [workflow_runs]          # optional: lists that a document of this stream may wrap its records in
    inner: [$.properties.log]       # optional: where a shipper's wrapper holds the record, as an object or as text
    document: true                  # optional: a file is one document, so that an empty file is a broken one
    reads: {user: JSON}             # optional: parts of the record that expressions use; [{name: VARCHAR}] for a list
    context_reads: {_repo: VARCHAR} # optional: the same of the request context
    columns:
      review_id: {path: id, type: BIGINT, meaning: "GitHub's id of the review"}
      repo: {sql: "repo_of_url(b.pull_request_url)", reads: {pull_request_url: VARCHAR}, type: VARCHAR, meaning: …}
      asked_repo: {context: _repo, type: VARCHAR, meaning: …}

- `path` names a value in the record, `context` one in the request context (or in the record itself, for exported
  records that carry it), `sql` an expression over `b` (the record), `c` (the context) and the staged columns
  `body`, `capture`, `record`, `collected_at`.
- Types: VARCHAR, BIGINT, DOUBLE, BOOLEAN, JSON, INSTANT (RFC 3339 text), EPOCH_S, EPOCH_MS, TIMESTAMPTZ (of an
  expression that gives an instant), WORDS (words of people or systems, of which known forms of credentials are cut
  out). A value that is not of its type is NULL in the table; the capture keeps it.
- Secrets never become columns in clear: `keyed_hash(…)` and the fact of redaction, or nothing. `fields` (the whole
  record) only where the source holds no secret in clear.
- Every table also has the columns in `SYSTEM_COLUMNS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.errors import ConfigError
from evidence.quick_yaml import load_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLES = Path(__file__).with_name("tables")

STORED_TYPE = {
    "VARCHAR": "VARCHAR",
    "WORDS": "VARCHAR",
    "BIGINT": "BIGINT",
    "DOUBLE": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "JSON": "VARCHAR",
    "INSTANT": "TIMESTAMPTZ",
    "EPOCH_S": "TIMESTAMPTZ",
    "EPOCH_MS": "TIMESTAMPTZ",
    "TIMESTAMPTZ": "TIMESTAMPTZ",
}

SYSTEM_COLUMNS: Mapping[str, tuple[str, str]] = {
    "natural_key": (
        "VARCHAR",
        "Natural key of the record, parts joined by `/`; `sha256:…` of the record if it has none.",
    ),
    "row_status": ("VARCHAR", "`first`, `version` (a mutable object changed) or `conflict` (same key, other content)."),
    "fetch": ("VARCHAR", "Name of the fetch that brought it (`_fetch`), where the records name one."),
    "collected_at": ("TIMESTAMPTZ", "When the capture was fetched, by the collector's clock."),
    "content_sha256": ("VARCHAR", "SHA-256 of the record's exact text."),
    "capture": ("VARCHAR", "SHA-256 of the capture that holds the record."),
    "record": ("BIGINT", "Position of the record in its capture, from 0."),
    "receipt": ("VARCHAR", "SHA-256 of the receipt of the collection that brought it."),
}

_KNOWN = {
    "stream", "alias", "table", "meaning", "mutability", "key", "key_paths", "event_time", "version_order", "items",
    "reads", "columns", "partition", "context_reads", "key_needs", "required", "inner", "document",
}  # fmt: skip
_MUTABILITY = ("append_only", "mutable", "snapshot")
_RESERVED = {"b", "c", "body", "context", "request", "page", "seq", "fate", "part", "evidence", *SYSTEM_COLUMNS}


@dataclass(frozen=True, slots=True)
class Column:
    """One business column: its name, sheet type, meaning, and the SQL expression over a staged record."""

    name: str
    type: str
    meaning: str
    expression: str
    source: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One stream's table; see the module's docstring for the meaning of each field."""

    stream: str
    alias: str
    table: str
    meaning: str
    mutability: str
    key: tuple[str, ...]
    key_paths: tuple[str, ...]
    key_needs: tuple[str, ...]
    required: tuple[str, ...]
    event_time: str
    version_order: str
    items: tuple[str, ...]
    inner: tuple[str, ...]
    document: bool
    partition: str
    columns: tuple[Column, ...]
    record_shape: Mapping[str, Any]
    context_shape: Mapping[str, Any]


@cache
def sheets() -> Mapping[str, Sheet]:
    """Every sheet by full stream name, in the order of their names."""
    return {sheet.stream: sheet for sheet in (_load(path) for path in sorted(TABLES.glob("*.yaml")))}


def sheet_of(name: str) -> Sheet:
    """The sheet of a stream, by its full name or its alias; `ConfigError` names the valid ones."""
    known = sheets()
    if name in known:
        return known[name]
    for sheet in known.values():
        if sheet.alias == name:
            return sheet
    raise ConfigError(
        f"stream {name!r} is not known; known are {', '.join(known)}",
        next_step="Use one of these names, or its alias; `docs/data-dictionary.md` lists both.",
    )


def _load(path: Path) -> Sheet:
    raw = load_yaml(path.read_text(encoding="utf-8"))
    unknown = set(raw) - _KNOWN
    if unknown or raw.get("stream") != path.stem:
        raise ConfigError(f"sheet {path.name}: unknown fields {sorted(unknown)}, or `stream` is not {path.stem}")
    record_shape: dict[str, Any] = {"_fetch": "VARCHAR"}
    context_shape: dict[str, Any] = {"_fetch": "VARCHAR"}
    for name, kind in raw.get("reads", {}).items():
        _place(record_shape, name, kind, path)
    for name, kind in raw.get("context_reads", {}).items():
        _place(context_shape, name, kind, path)
        _place(record_shape, name, kind, path)
    columns = tuple(_column(name, spec, record_shape, context_shape, path) for name, spec in raw["columns"].items())
    names = {column.name for column in columns}
    if reserved := names & _RESERVED:
        raise ConfigError(f"sheet {path.name}: {sorted(reserved)} are names that the warehouse itself uses")
    if raw["mutability"] not in _MUTABILITY:
        raise ConfigError(f"sheet {path.name}: mutability {raw['mutability']!r}; valid are {', '.join(_MUTABILITY)}")
    mentioned = (*raw["key"], *raw.get("key_needs", ()), *raw.get("required", ()), raw["event_time"])
    for wanted in (*mentioned, raw.get("version_order") or raw["event_time"]):
        if wanted not in names and wanted not in SYSTEM_COLUMNS:
            raise ConfigError(f"sheet {path.name}: {wanted!r} is not one of its columns {sorted(names)}")
    return Sheet(
        stream=raw["stream"], alias=raw["alias"], table=raw["table"], meaning=raw["meaning"].strip(),
        mutability=raw["mutability"], key=tuple(raw["key"]), key_paths=tuple(raw["key_paths"]),
        event_time=raw["event_time"], version_order=raw.get("version_order", ""),
        key_needs=tuple(raw.get("key_needs", ())), required=tuple(raw.get("required", ())),
        items=tuple(raw.get("items", ())), inner=tuple(raw.get("inner", ())), document=raw.get("document", False),
        partition=raw.get("partition", "month"), columns=columns,
        record_shape=record_shape, context_shape=context_shape,
    )  # fmt: skip


def _column(
    name: str, spec: Mapping[str, Any], record_shape: dict[str, Any], context_shape: dict[str, Any], path: Path
) -> Column:
    kind = spec.get("type", "VARCHAR")
    if kind not in STORED_TYPE:
        raise ConfigError(f"sheet {path.name}: column {name} has type {kind!r}; valid are {', '.join(STORED_TYPE)}")
    parsed = "VARCHAR" if kind in ("INSTANT", "WORDS") else "BIGINT" if kind.startswith("EPOCH") else kind
    for part, part_kind in spec.get("reads", {}).items():
        _place(record_shape, part, part_kind, path)
    if "path" in spec:
        _place(record_shape, spec["path"], parsed, path)
        value, source = _dotted("b", spec["path"]), f"`{spec['path']}`"
    elif "context" in spec:
        _place(context_shape, spec["context"], parsed, path)
        _place(record_shape, spec["context"], parsed, path)
        value = f"coalesce({_dotted('b', spec['context'])}, {_dotted('c', spec['context'])})"
        source = f"request context `{spec['context']}`"
    else:
        value, source = f"({spec['sql']})", "derived"
    return Column(name, kind, spec.get("meaning", ""), _typed(value, kind), source)


def _typed(value: str, kind: str) -> str:
    if kind == "INSTANT":
        return f"instant({value})"
    if kind == "WORDS":
        return f"redact_words({value})"
    if kind == "EPOCH_S":
        return f"epoch_seconds({value})"
    if kind == "EPOCH_MS":
        return f"epoch_millis({value})"
    return f"CAST({value} AS {STORED_TYPE[kind]})"


def _dotted(root: str, path: str) -> str:
    return ".".join([root, *(f'"{part}"' for part in path.split("."))])


def _place(shape: dict[str, Any], path: str, kind: object, sheet: Path) -> None:
    *parents, leaf = path.split(".")
    for parent in parents:
        shape = shape.setdefault(parent, {})
        if not isinstance(shape, dict):
            raise ConfigError(f"sheet {sheet.name}: {path!r} is read as a whole and in part; read it once as JSON")
    if shape.get(leaf, kind) != kind:
        raise ConfigError(f"sheet {sheet.name}: {path!r} is read as {kind} and as {shape[leaf]}")
    shape[leaf] = kind
