"""From staged records to typed rows: the one place that builds SQL, from sheets that the repository holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.sheets import Sheet

MACROS = Path(__file__).with_name("macros.sql").read_text(encoding="utf-8")


def typed_select(sheet: Sheet) -> str:
    """The query that types the table `staged`: business columns, system columns, `seq` (order of arrival), `body`."""
    columns = ",\n    ".join(f'{column.expression} AS "{column.name}"' for column in sheet.columns)
    parts = ", ".join(f"coalesce(CAST(\"{name}\" AS VARCHAR), '')" for name in sheet.key)
    missing = " AND ".join(f'"{name}" IS NULL' for name in sheet.key)
    return f"""
WITH parsed AS (
    SELECT *, json_transform(body, '{_shape(sheet.record_shape)}') AS b,
        json_transform(context, '{_shape(sheet.context_shape)}') AS c
    FROM staged
), business AS (
    SELECT receipt, page, capture, record, body, collected_at, content_sha256,
    {columns}
    FROM parsed
)
SELECT * , CASE WHEN {missing} THEN 'sha256:' || content_sha256 ELSE concat_ws('/', {parts}) END AS natural_key,
    CAST(NULL AS VARCHAR) AS row_status,
    row_number() OVER (ORDER BY collected_at, receipt, page, record) AS seq
FROM business
"""  # noqa: S608 - built from the repository's own sheets


def _shape(shape: object) -> str:
    return json.dumps(shape or {"_": "VARCHAR"}).replace("'", "''")
