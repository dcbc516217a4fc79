"""Say what becomes of each record: `first`, `version`, `conflict`, `duplicate`, or `already` (stored before a crash).

- Same natural key and same content = duplicate. Same key and other content = `version` where the source mutates its
  objects, else `conflict`. Content is equal if the JSON values are (key order, white space and request context apart).
- Records are judged in the order of their arrival, those already in the table before those of the batch.
- Most records are the only ones of their key. They are told by 64-bit hashes of their keys; only where hashes meet are
  keys and contents compared, so that the cost in memory is a few bytes for each record.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from warehouse.normalise import typed_select

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb

    from warehouse.sheets import Sheet

CONTEXT_KEYS = frozenset(
    {"_repo", "_branch", "_pull_number", "_issue", "_run_id", "_as_of", "_fetch", "_audit_device", "_s3"}
)

GRAIN = {"month": "%Y-%m", "day": "%Y-%m-%d"}


def note_keys(con: duckdb.DuckDBPyConnection, sheet: Sheet, zone: str) -> list[str]:
    """Make `keys` (sighting, record, key_hash, part, day, refused) of all that is staged.

    Returns:
        The captures among those whose lines are read in place that need the careful way: a line is no object, wraps
        a list of records, or is no record of this stream.
    """
    paths = ", ".join(f"'$.{path}'" for path in sheet.items)
    wraps = f" OR list_contains(json_type(record_text, [{paths}]), 'ARRAY')" if sheet.items else ""
    refused = " OR ".join(f'"{name}" IS NULL' for name in sheet.required) or "false"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE keys AS
        SELECT sighting, record, hash(natural_key) AS key_hash,
            strftime({sheet.event_time}, '{GRAIN[sheet.partition]}') AS part,
            CAST(timezone($zone, coalesce({sheet.event_time}, collected_at)) AS DATE) AS day,
            {refused} AS refused,
            NOT starts_with(record_text, '{{'){wraps} AS odd
        FROM ({typed_select(sheet)})
        """,  # noqa: S608 - built from the repository's own sheets
        {"zone": zone},
    )
    rows = con.execute(
        "SELECT DISTINCT capture FROM keys JOIN sightings USING (sighting) WHERE odd OR refused ORDER BY ALL"
    ).fetchall()
    return [row[0] for row in rows]


def refuse(con: duckdb.DuckDBPyConnection, sheet: Sheet) -> None:
    """Quarantine what is no record of this stream."""
    for name in sheet.required:
        con.execute(
            f"""
            INSERT INTO unreadable
            SELECT k.sighting, k.record, r.position, $reason
            FROM (SELECT sighting, record, capture FROM ({typed_select(sheet)}) WHERE "{name}" IS NULL) AS k
            JOIN split_records AS r USING (capture, record)
            """,  # noqa: S608 - a name of the repository's own sheet
            {"reason": f"no {name}: not a record of {sheet.stream}"},
        )
        con.execute("DELETE FROM keys WHERE refused")


def settle(
    con: duckdb.DuckDBPyConnection,
    sheet: Sheet,
    files: Sequence[str],
    texts: Callable[..., Mapping[tuple[str, int], str]],
) -> None:
    """Make `fates` (sighting, record, fate, stored_as) of all records in `keys` but those that are simply first.

    Args:
        files: Parquet files of the table as it stands.
        texts: gives the texts of stored records, from {capture: record numbers}.
    """
    con.execute("SET VARIABLE known_files = $files", {"files": list(files)})
    known = "read_parquet(getvariable('known_files'), union_by_name=true, hive_partitioning=false)"
    stored = f"UNION ALL SELECT hash(natural_key) FROM {known}" if files else ""  # noqa: S608
    con.execute(_CANDIDATES.format(stored=stored))
    con.execute(
        _CONTEST.format(typed=typed_select(sheet, "(FROM staged SEMI JOIN candidates USING (sighting, record))"))
    )
    source = known if files else "(SELECT *, '' AS row_status FROM contest WHERE false)"
    con.execute(_KNOWN.format(known=source))
    con.execute(_FATES)
    later = "conflict" if sheet.mutability == "append_only" else "version"
    fates = [change for group in _groups(con, texts) for change in _resolve(group, later)]
    if fates:
        columns = dict(zip(("fates", "sightings", "records"), map(list, zip(*fates, strict=True)), strict=True))
        con.execute(_SETTLED, columns)
    con.execute("DELETE FROM fates WHERE fate = 'first'")


def _groups(
    con: duckdb.DuckDBPyConnection, texts: Callable[..., Mapping[tuple[str, int], str]]
) -> list[list[tuple[Any, ...]]]:
    """Rows (sighting, record, text) of each key that has several texts: stored ones first, then by arrival."""
    rows = con.execute(_CONTESTED).fetchall()
    wanted: dict[str, set[int]] = {}
    for _, sighting, capture, record, _ in rows:
        if sighting is None:
            wanted.setdefault(capture, set()).add(record)
    held = texts(wanted) if wanted else {}
    groups: dict[str, list[tuple[Any, ...]]] = {}
    for key, sighting, capture, record, text in rows:
        groups.setdefault(key, []).append((sighting, record, text if text is not None else held[capture, record]))
    return list(groups.values())


def _resolve(group: list[tuple[Any, ...]], later: str) -> list[tuple[str, int, int]]:
    """Fates of rows that share a key but not their bytes, in the order of their arrival."""
    seen: list[Any] = []
    fates = []
    for sighting, record, text in group:
        content = _content(text)
        if content in seen:
            fate = "duplicate"
        else:
            fate = later if seen else "first"
            seen.append(content)
        if sighting is not None:
            fates.append((fate, sighting, record))
    return fates


def _content(text: str) -> Any:
    """The value of a record, for comparison: no request context, numbers as they are written."""
    try:
        value = json.loads(text, parse_float=lambda t: ("float", t), parse_int=lambda t: ("int", t), strict=False)
    except (ValueError, RecursionError):
        return text
    return {k: v for k, v in value.items() if k not in CONTEXT_KEYS} if isinstance(value, dict) else value


_CANDIDATES = """
CREATE OR REPLACE TEMP TABLE candidates AS
SELECT sighting, record FROM keys
WHERE key_hash IN (
    SELECT key_hash FROM keys GROUP BY key_hash HAVING count(*) > 1
    {stored}
)
"""

_CONTEST = """
CREATE OR REPLACE TEMP TABLE contest AS
SELECT sighting, record, natural_key, content_sha256, receipt, capture, collected_at
FROM ({typed})
"""

_KNOWN = """
CREATE OR REPLACE TEMP TABLE known AS
SELECT natural_key, content_sha256, receipt, capture, record, collected_at, row_status
FROM {known}
WHERE natural_key IN (SELECT natural_key FROM contest)
"""

_FATES = """
CREATE OR REPLACE TEMP TABLE fates AS
SELECT t.sighting, t.record, t.natural_key,
    CASE
        WHEN k.natural_key IS NOT NULL THEN 'already'
        WHEN same.natural_key IS NOT NULL THEN 'duplicate'
        WHEN row_number() OVER (PARTITION BY t.natural_key, t.content_sha256 ORDER BY t.sighting, t.record) > 1
            THEN 'duplicate'
        ELSE 'first'
    END AS fate,
    k.row_status AS stored_as
FROM contest AS t
LEFT JOIN known AS k
    ON k.natural_key = t.natural_key AND k.receipt = t.receipt AND k.capture = t.capture AND k.record = t.record
LEFT JOIN (SELECT DISTINCT natural_key, content_sha256 FROM known) AS same
    ON same.natural_key = t.natural_key AND same.content_sha256 = t.content_sha256
"""

# Keys with more than one text, stored rows first, then the batch's in the order of their arrival.
_CONTESTED = """
WITH texts AS (
    SELECT natural_key, content_sha256 FROM known
    UNION
    SELECT natural_key, content_sha256 FROM contest
), contested AS (
    SELECT natural_key FROM texts GROUP BY natural_key HAVING count(*) > 1
), arrived AS (
    SELECT sighting, record, natural_key FROM fates WHERE fate = 'first' AND natural_key IN (FROM contested)
)
SELECT natural_key, sighting, capture, record, body FROM (
    SELECT natural_key, NULL AS sighting, capture, record, NULL AS body, collected_at FROM known
    WHERE natural_key IN (FROM contested)
    UNION ALL
    SELECT natural_key, sighting, capture, record, body, collected_at FROM staged
    JOIN arrived USING (sighting, record)
)
ORDER BY natural_key, sighting NULLS FIRST, collected_at, capture, record
"""

_SETTLED = """
UPDATE fates SET fate = found.fate
FROM (SELECT unnest($fates) AS fate, unnest($sightings) AS sighting, unnest($records) AS record) AS found
WHERE fates.sighting = found.sighting AND fates.record = found.record
"""
