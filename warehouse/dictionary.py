"""Write the data dictionary from the sheets: `python -m warehouse.dictionary > docs/data-dictionary.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from warehouse.build import CONSERVATION, CONSERVATION_COLUMNS, QUARANTINE, QUARANTINE_COLUMNS
from warehouse.published import PUBLISHED
from warehouse.sheets import STORED_TYPE, SYSTEM_COLUMNS, sheets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warehouse.sheets import Sheet

_HEAD = """# Data dictionary

Generated from `warehouse/tables/*.yaml` by `python -m warehouse.dictionary`; a test keeps it fresh.

One table per stream. Times are instants in UTC. A value that is not of its column's type is empty; the capture keeps
it. Columns of type JSON hold JSON text. `keyed hash` is an HMAC-SHA256 under a key that stays in the home: secrets are
in no table. Mutability: *append_only*: other content under the same key is a conflict; *mutable*: a new version;
*snapshot*: the state at `as_of`, which is part of the key.

## Columns of every table
"""

_CONSERVATION = (
    "What became of the records of each receipt, page and day: received = stored + duplicate + conflict + quarantined;"
    " `stored` includes `versions`. Page -1 says that the receipt was built, even if it brought nothing."
)
_COUNTS_MEANING = {
    CONSERVATION: (CONSERVATION_COLUMNS, _CONSERVATION),
    QUARANTINE: (QUARANTINE_COLUMNS, "Every record that could not be stored, with its position and the reason."),
    **PUBLISHED,
}


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    yield from _table((name, kind, "", meaning) for name, (kind, meaning) in SYSTEM_COLUMNS.items())
    yield "\n## Tables\n"
    yield "| table | stream | alias | natural key | mutability |\n|---|---|---|---|---|"
    for sheet in sheets().values():
        key = ", ".join(f"`{path}`" for path in sheet.key_paths)
        yield f"| [{sheet.table}](#{sheet.table}) | `{sheet.stream}` | `{sheet.alias}` | {key} | {sheet.mutability} |"
    for sheet in sheets().values():
        yield from _sheet(sheet)
    for name, (columns, meaning) in _COUNTS_MEANING.items():
        yield f"\n## {name}\n\n{meaning}\n\n| column | type |\n|---|---|"
        yield from (f"| `{column}` | {kind} |" for column, kind in columns.items())


def _sheet(sheet: Sheet) -> Iterator[str]:
    yield f"\n## {sheet.table}\n\n{sheet.meaning}"
    key = ", ".join(f"`{name}`" for name in sheet.key)
    order = f" Versions are ordered by `{sheet.version_order}`." if sheet.version_order else ""
    yield f"\nStream `{sheet.stream}` (`{sheet.alias}`), {sheet.mutability}."
    yield f"Key: {key}. Event time: `{sheet.event_time}`.{order}\n"
    yield from _table((c.name, _type(c.type), c.source, c.meaning) for c in sheet.columns)


def _type(kind: str) -> str:
    return "JSON" if kind == "JSON" else STORED_TYPE[kind]


def _table(rows: Iterator[tuple[str, str, str, str]]) -> Iterator[str]:
    yield "| column | type | from | meaning |\n|---|---|---|---|"
    yield from (
        f"| `{name}` | {kind} | {source} | {meaning} |".replace("  ", " ") for name, kind, source, meaning in rows
    )


if __name__ == "__main__":
    sys.stdout.write(page())
