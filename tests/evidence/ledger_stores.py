"""Stores for the ledger's tests: one in memory, one that fails at a chosen write, before or after persisting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evidence.errors import IntegrityError, StoreError
from evidence.stores.base import Retention, Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


class MemoryStore(Store):
    """The store's rules over a dictionary."""

    url = "memory:"

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = {} if objects is None else objects
        self.puts = 0

    def check_writable(self) -> None:
        """It always is."""

    def _put(self, key: str, data: bytes, retain_until: datetime | None) -> bool:
        del retain_until
        self.puts += 1
        if self.objects.setdefault(key, data) is data:
            return True
        if self.objects[key] != data:
            raise IntegrityError(f"{key} holds other bytes")
        return False

    def _get(self, key: str) -> bytes:
        if key not in self.objects:
            raise StoreError(f"no object {key}")
        return self.objects[key]

    def _exists(self, key: str) -> bool:
        return key in self.objects

    def _list(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self.objects if key.startswith(prefix))

    def _local_path(self, key: str) -> Path:
        raise NotImplementedError(key)

    def _retention(self, key: str) -> Retention:
        raise NotImplementedError(key)

    def _retain(self, key: str, until: datetime | None, legal_hold: bool | None) -> None:
        raise NotImplementedError(key, until, legal_hold)


class FailingStore(MemoryStore):
    """Fails at put number `at` (from 0) and ever after: what a crash at that moment leaves."""

    def __init__(self, objects: dict[str, bytes], *, at: int, persists: bool) -> None:
        super().__init__(objects)
        self.at = at
        self.persists = persists

    def _put(self, key: str, data: bytes, retain_until: datetime | None) -> bool:
        if self.puts == self.at and self.persists:
            super()._put(key, data, retain_until)
        if self.puts >= self.at:
            self.puts = self.at + 1
            raise StoreError(f"crashed at {key}")
        return super()._put(key, data, retain_until)
