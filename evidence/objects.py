"""Objects that are named by the SHA-256 of their bytes, and checked against that name whenever they are read.

Layout in the store: `captures/9f/9f86d0…`, `indexes/3b/3b5d3c….ndjson`, `cursors/…`, `totals/…`, `gaps/…`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evidence.canonical import file_sha256, sha256
from evidence.errors import IntegrityError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from evidence.stores.base import Store


@dataclass(frozen=True, slots=True)
class Objects:
    """The part of a store that holds them; `retain_until` is put on every object stored through it."""

    store: Store
    retain_until: datetime | None = None

    def put(self, folder: str, data: bytes, suffix: str = "") -> str:
        """Keep `data`; its key."""
        key = object_key(folder, sha256(data), suffix)
        self.store.put(key, data, retain_until=self.retain_until)
        return key

    def put_file(self, folder: str, path: Path, digest: str) -> str:
        """Keep the bytes of a file whose SHA-256 is `digest`, without holding them in memory; their key."""
        key = object_key(folder, digest)
        self.store.put_file(key, path, sha256=digest, retain_until=self.retain_until)
        return key

    def get(self, key: str) -> bytes:
        """The bytes under `key`; `IntegrityError` if they are not those that it names."""
        data = self.store.get(key)
        self._compare(key, sha256(data))
        return data

    def check(self, key: str) -> None:
        """As `get`, without holding the bytes."""
        self._compare(key, file_sha256(self.store.local_path(key)))

    def _compare(self, key: str, found: str) -> None:
        if found != key.rsplit("/", 1)[-1].split(".", 1)[0]:
            raise IntegrityError(
                f"{key} in {self.store.url} was read back with SHA-256 {found}",
                next_step="The locker was edited: keep it as it is and compare with its copies.",
            )


def object_key(folder: str, digest: str, suffix: str = "") -> str:
    """Where the object of this digest lies."""
    return f"{folder}/{digest[:2]}/{digest}{suffix}"


def capture_key(digest: str) -> str:
    """Where the bytes of a capture lie in the store."""
    return object_key("captures", digest)
