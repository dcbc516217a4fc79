"""What every store promises: write-once objects under a key, with retention.

Rules each store keeps (tests/evidence/test_stores.py runs them over every store):

- When `put` returns, the object is durable and readable by any process.
- The same bytes under the same key succeed again and change nothing; other bytes are an `IntegrityError`.
- A reader sees a whole object or none. A crash inside `put` leaves nothing under the key.
- There is no delete verb. Retention can be extended, never shortened.

Keys are relative POSIX paths of `[A-Za-z0-9._=/-]`, without `..`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evidence.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

_KEY = re.compile(r"^(?!.*(^|/)\.\.?(/|$))[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*$")


@dataclass(frozen=True, slots=True)
class Retention:
    """Until when an object may not be removed, and whether a legal hold keeps it beyond that."""

    until: datetime | None
    legal_hold: bool


class Store(ABC):
    """Write-once objects. One subclass per URL scheme, found by `evidence.stores.registry.open_store`."""

    url: str

    def put(self, key: str, data: bytes, *, retain_until: datetime | None = None) -> bool:
        """Keep `data` under `key`; True if it is new, False if the same bytes were there already."""
        return self._put(self._checked(key), data, retain_until)

    def get(self, key: str) -> bytes:
        """The bytes under `key`; `StoreError` if there are none."""
        return self._get(self._checked(key))

    def exists(self, key: str) -> bool:
        """Whether a whole object is under `key`."""
        return self._exists(self._checked(key))

    @abstractmethod
    def list(self, prefix: str) -> Iterator[str]:
        """Every key that starts with `prefix`, in ascending order."""

    @abstractmethod
    def local_path(self, key: str) -> Path:
        """A read-only local file with the bytes under `key` (a cache copy, checked, for remote stores)."""

    @abstractmethod
    def retention(self, key: str) -> Retention:
        """The retention in force on `key`."""

    @abstractmethod
    def retain(self, key: str, *, until: datetime | None = None, legal_hold: bool | None = None) -> None:
        """Extend the retention or set the hold; shortening raises `StoreError`."""

    @abstractmethod
    def check_writable(self) -> None:
        """Raise `StoreError` with a next step if a `put` could not succeed now."""

    @abstractmethod
    def _put(self, key: str, data: bytes, retain_until: datetime | None) -> bool: ...

    @abstractmethod
    def _get(self, key: str) -> bytes: ...

    @abstractmethod
    def _exists(self, key: str) -> bool: ...

    @staticmethod
    def _checked(key: str) -> str:
        if not _KEY.match(key):
            raise StoreError(f"key {key!r} is not a relative path of letters, digits and ._=-/")
        return key
