"""Retention beside the objects of a file store: one append-only file of JSON lines per object.

- The retention in force is the latest `until` of all lines and the `legal_hold` of the last.
- A last line without its newline was never promised to anybody: it is ignored, and cut off by the next append.
- Any other line that cannot be read is an `IntegrityError`: somebody edited the file.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evidence.errors import IntegrityError, StoreError
from evidence.stores.base import Retention

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NONE = Retention(until=None, legal_hold=False)


class Sidecars:
    """The retention records under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, key: str) -> Path:
        """Where the record of `key` is; `@` cannot stand in a key, so no other key's folder is there."""
        return self._folder / f"{key}@retention"

    def read(self, key: str) -> Retention:
        """The retention in force, none if nothing was recorded."""
        try:
            return _in_force(key, self.path(key).read_bytes())
        except FileNotFoundError:
            return NONE

    def change(self, key: str, until: datetime | None, legal_hold: bool | None) -> bool:
        """Record a later `until` and another hold; False if that is in force already. Not yet durable."""
        self.path(key).parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.path(key)) as descriptor:
            text = _read_all(descriptor)
            now = _in_force(key, text)
            if until and now.until and until < now.until:
                raise StoreError(
                    f"{key} is retained until {now.until.isoformat()}: {until.isoformat()} would shorten that",
                    next_step="Ask for a later time; retention is only ever extended.",
                )
            wanted = Retention(until or now.until, now.legal_hold if legal_hold is None else legal_hold)
            if wanted == now:
                return False
            whole = text.rfind(b"\n") + 1
            if whole < len(text):  # never without need: ext4 flushes a file that was truncated when it is closed
                os.ftruncate(descriptor, whole)
            os.write(descriptor, _line(wanted))
            return True


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _line(retention: Retention) -> bytes:
    until = retention.until.astimezone(UTC).isoformat() if retention.until else None
    return json.dumps({"until": until, "legal_hold": retention.legal_hold}).encode() + b"\n"


def _in_force(key: str, text: bytes) -> Retention:
    until, hold = None, False
    for number, line in enumerate(text.split(b"\n")[:-1], start=1):
        try:
            record = json.loads(line)
            hold = bool(record["legal_hold"])
            when = datetime.fromisoformat(record["until"]) if record["until"] else None
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(
                f"line {number} of the retention record of {key} is not one that this store writes",
                next_step="Somebody edited the store's folder: compare it with a copy.",
            ) from error
        until = max(filter(None, (until, when)), default=None)
    return Retention(until, hold)
