"""Spoilt records of real files: nothing stops an import, and every record that was received is accounted for.

`EVIDENCE_FUZZ=200000 pytest tests/faults/test_fuzz.py` spoils as many records; without it, a few.
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from evidence.custody import Custody
from evidence.stores.file import FileStore
from tests.faults.mutations import filed, models, spoilt
from warehouse import lines
from warehouse.build import Builder
from warehouse.forms import Record, split
from warehouse.importing import take_files
from warehouse.lake import Lake
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = int(os.environ.get("EVIDENCE_FUZZ", "1500"))
SEED = int(os.environ.get("EVIDENCE_FUZZ_SEED", "20260701"))
FILES, SIZES = 24, (1, 10, 100, 1_000)  # files of one stream that are built together, and records of one file
NOW = datetime(2026, 7, 2, tzinfo=UTC)


def take(folder: Path, stream: str, bodies: list[bytes]) -> None:
    """Import files into a home of their own; each one's counts are those of its records, however it is read."""
    files = []
    for number, body in enumerate(bodies):
        path = folder / f"{number}"
        path.write_bytes(body)
        files.append((path, path.name))
    custody = Custody(FileStore(folder / "locker"), collector={"name": "fuzz"})
    builder = Builder(custody, Lake(folder / "lake"), zone="Europe/Berlin", scratch=folder)
    for body, taken in zip(bodies, take_files(custody, builder, stream, files, now=NOW), strict=True):
        parts = list(split(body, wrappers=sheets()[stream].items))
        unread = sum(not isinstance(part, Record) for part in parts)
        empty = int(sheets()[stream].document and not body)
        assert taken.counts.balanced, (stream, body[:200])
        assert taken.counts.received == len(parts) + empty, (stream, body[:200])
        assert taken.counts.quarantined >= unread + empty, (stream, body[:200])


@pytest.mark.slow
def test_spoilt_records_are_all_accounted_for(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the bytes: no crash, and for every file received = stored + duplicate + conflict + quarantined."""
    dice = random.Random(SEED)
    known = models(shared / "corpora")
    streams, done, home = sorted(known), 0, 0
    while done < RECORDS:
        stream = dice.choice(streams)
        monkeypatch.setattr(lines, "LINES_FROM", dice.choice((0, 1 << 60)))  # both ways of reading lines
        bodies: list[bytes] = []
        while len(bodies) < FILES and done < RECORDS:
            count = min(dice.choice(SIZES), RECORDS - done)
            records = [spoilt(dice.choice(known[stream]), dice) for _ in range(count)]
            done += count
            bodies.append(filed(records, dice.choice((*sheets()[stream].items, "")), dice))
        home += 1
        folder = tmp_path / f"{home}"
        folder.mkdir()
        take(folder, stream, bodies)
    assert done >= RECORDS
