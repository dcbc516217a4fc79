"""Tell a damaged lake from a defect: which of its files cannot be read, and what to do now.

The lake is made from the captures, so that nearly all of it can be made again; what libraries say of a broken file is
turned into that advice here, for every verb and asset.
"""

from __future__ import annotations

import re

import duckdb
from pydantic import ValidationError
from sqlalchemy.exc import DatabaseError

from evidence.errors import StoreError

_DATA = re.compile(r"""['"]([^'"]+\.parquet)['"]""")
_METADATA = re.compile(r"""['"]?([^'" ]+(?:\.metadata\.json|\.avro))['"]?""")


class LakeError(StoreError):
    """A file of the lake is missing or broken; the locker is not concerned."""


def damage(error: BaseException) -> LakeError | None:
    """What `error` says of the lake's files, if it is about them.

    Args:
        error: what a library raised while tables were read or written.
    """
    text = str(error)
    if isinstance(error, DatabaseError):
        return LakeError(
            f"the lake's catalogue (catalog.db) cannot be read or written: {error.orig}",
            next_step="Free or mount its disk; if the file is broken, move the folder `lake` away (it holds the history"
            " of metrics and verdicts) and run `evidence build`.",
        )
    data = _DATA.search(text) if isinstance(error, duckdb.IOException | duckdb.InvalidInputException) else None
    metadata = _METADATA.search(text) if isinstance(error, OSError | ValidationError | ValueError) else None
    found = data or metadata
    if found is None:
        return None
    return LakeError(
        f"a file of the lake is missing or broken: {found[1]}",
        next_step="Run `evidence build --rebuild`: it makes the tables of records again. A table of metrics or verdicts"
        " comes back from a backup of `lake` alone.",
    )
