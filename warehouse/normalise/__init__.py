"""From staged records to typed rows: the one place that builds SQL, from sheets that the repository holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.sheets import Sheet

MACROS = Path(__file__).with_name("macros.sql").read_text(encoding="utf-8")


def typed_select(sheet: Sheet, source: str = "staged") -> str:
    """The query that types `source`, records laid out as `warehouse.staging` says.

    Gives business and system columns, `sighting`, and the record's text as `record_text`. Filters belong into `source`:
    what stands there is not parsed.
    """
    columns = ",\n    ".join(f'{column.expression} AS "{column.name}"' for column in sheet.columns)
    parts = ", ".join(f"coalesce(CAST(\"{name}\" AS VARCHAR), '')" for name in sheet.key)
    missing = " AND ".join(f'"{name}" IS NULL' for name in sheet.key)
    if sheet.key_needs:
        missing = " OR ".join(f'"{name}" IS NULL' for name in sheet.key_needs)
    return f"""
WITH parsed AS (
    SELECT *, json_transform({_inner(sheet)}, '{shape_text(sheet.record_shape)}') AS b
    FROM {source}
), business AS (
    SELECT sighting, receipt, page, capture, record, row_status, body AS record_text, collected_at,
        coalesce(b._fetch, c._fetch) AS fetch,
    {columns}
    FROM parsed
)
SELECT *, sha256(record_text) AS content_sha256,
    CASE WHEN {missing} THEN 'sha256:' || sha256(record_text) ELSE concat_ws('/', {parts}) END AS natural_key
FROM business
"""  # noqa: S608 - built from the repository's own sheets


def _inner(sheet: Sheet) -> str:
    """The record inside a shipper's wrapper, where the wrapper holds an object, else the record as it stands."""
    tried = [f"CAST(object_of(json_extract(body, '{path}')) AS VARCHAR)" for path in sheet.inner]
    return f"coalesce({', '.join([*tried, 'body'])})" if tried else "body"


def shape_text(shape: object) -> str:
    """A shape as `json_transform` takes it, in a literal."""
    return json.dumps(shape).replace("'", "''")
