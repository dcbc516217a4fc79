"""Tell whether anything that a period's results and pack rest on has changed since they were made.

- A note beside the assessments holds the digest of all of it: tables, receipts, code, packages, configuration, and up
  to when facts count. The same digest means that asking again would find the same.
- A note is written last, and can be deleted: then everything is made anew, and comes out the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evidence.canonical import canonical, sha256
from evidence.whole import write_whole
from warehouse.published import PUBLISHED

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from evidence.periods import Period
    from warehouse.home import Home

_ELSEWHERE = {"sources", "clock", "root", "file_name"}  # settings that say where to ask, not what was found


def inputs_sha256(home: Home, period: Period, *, code: str, as_of: datetime) -> str:
    """Digest of what the results, metrics and pack of `period` are made of.

    Args:
        home: whose they are.
        period: what they are about.
        code: digest of the code and its packages (warehouse.open.code_sha256).
        as_of: facts that are later are not known.
    """
    return sha256(
        canonical({
            "period": period.name, "as_of": as_of.isoformat(), "code": code,
            "config": home.config.model_dump_json(exclude=_ELSEWHERE),
            "receipts": [receipt.sha256 for receipt in home.custody.receipts()],
            "tables": {name: str(n) for name, n in home.lake.snapshots().items() if name not in PUBLISHED},
        })
    )  # fmt: skip


def noted(home: Home, period: Period, what: str) -> tuple[str, str]:
    """The digest that `what` was made of and what was noted with it; empty where nothing was noted."""
    path = _path(home, period, what)
    digest, _, told = (path.read_text(encoding="utf-8") if path.is_file() else "").partition(" ")
    return digest, told


def note(home: Home, period: Period, what: str, digest: str, told: str = "") -> None:
    """Note that `what` was made of inputs of this digest; the note appears whole."""
    write_whole(_path(home, period, what), f"{digest} {told}".encode())


def _path(home: Home, period: Period, what: str) -> Path:
    return home.path / "assessments" / f"{period.file_stem}-{what}.made_of"
