"""The company's own registers as file drops: whole files, written anew whenever what they hold changes.

- A file is named `<stream>.<form>`; HR exports CSV, the ticket system a JSON array, all others JSON lines.
- Monitoring adds `evidence.…<day>.jsonl` once a local day is over.
- A register shows what it knows at the instant that `advance` was told, nothing later.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from demo.systems.company.monitoring import Monitoring
from demo.systems.company.registers import REGISTERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from demo.model import Company
    from demo.systems import Route
    from demo.systems.company.registers import Row

_FORMS = {"company.workers": "csv", "company.tickets": "json"}  # all others: jsonl


class CompanyDrops:
    """The folder of file drops as a `System`."""

    name = "company"

    def __init__(self, company: Company, directory: Path) -> None:
        self._company, self._directory = company, directory
        self._monitoring = Monitoring(company)
        self._last: dict[str, bytes] = {}
        self._reported = 0

    def routes(self) -> list[Route]:
        """None: files only."""
        return []

    def advance(self, now: datetime) -> None:
        """Write every register that differs from its file, and the reports of the days that are over."""
        for stream, register in REGISTERS.items():
            form = _FORMS.get(stream, "jsonl")
            self._write(f"{stream}.{form}", _WRITERS[form](register(self._company, now)))
        for stream, day, rows in self._monitoring.reports(now, self._reported):
            self._write(f"{stream}.{day}.jsonl", _lines(rows))
            self._reported = max(self._reported, day.toordinal())

    def _write(self, name: str, body: bytes) -> None:
        path = self._directory / name
        if self._last.get(name) == body or (path.exists() and path.read_bytes() == body):
            return
        self._last[name] = body
        unfinished = path.with_name(f".{name}.part")
        unfinished.write_bytes(body)
        unfinished.replace(path)


def _lines(rows: Sequence[Row]) -> bytes:
    return b"".join(json.dumps(r, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for r in rows)


def _array(rows: Sequence[Row]) -> bytes:
    return json.dumps(rows, ensure_ascii=False, indent=2).encode() + b"\n"


def _table(rows: Sequence[Row]) -> bytes:
    """CSV with CRLF, as spreadsheets write it; nothing stands for null."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


_WRITERS = {"csv": _table, "json": _array, "jsonl": _lines}


def build(company: Company, directory: Path) -> CompanyDrops:
    """The file drops as a system; see `demo.systems`."""
    return CompanyDrops(company, directory)
