"""What every store promises: write-once objects under a key, with retention.

Rules each store keeps (tests/evidence/test_stores.py runs them over every store):

- When `put` returns, the object is durable and readable by any process; inside `with store.batch():`
  that may wait until the block ends.
- The same bytes under the same key succeed again and change nothing, save that a later `retain_until`
  extends the retention; other bytes are an `IntegrityError`.
- A reader sees a whole object or none. A crash inside `put` leaves nothing under the key, or all of it.
- There is no delete verb. Retention can be extended, never shortened; a legal hold can be set and lifted.
- Whatever goes wrong below, the caller sees `StoreError` (`StoreUnavailable` where trying again helps) or
  `IntegrityError`.

Keys are relative POSIX paths of `[A-Za-z0-9._=/-]`, without `.` and `..`, at most 900 characters and 200 in one
name. No key may be the folder of another. A store implements `_x`; the public `x` checks what it is given.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from evidence.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

_NAME = r"(?!\.\.?(?:/|\Z))[A-Za-z0-9._=-]{1,200}"
_KEY = re.compile(rf"(?=.{{1,900}}\Z){_NAME}(?:/{_NAME})*\Z")
_PREFIX = re.compile(r"[A-Za-z0-9._=/-]{0,900}\Z")


@dataclass(frozen=True, slots=True)
class Retention:
    """Until when an object may not be removed, and whether a legal hold keeps it beyond that."""

    until: datetime | None
    legal_hold: bool


class StoreUnavailable(StoreError):  # noqa: N818 - the name states the state, as in evidence/errors.py
    """The store did not answer, or asked us to wait: trying again helps."""

    retryable = True


class Store(ABC):
    """Write-once objects. One subclass per URL scheme, found by `evidence.stores.registry.open_store`."""

    url: str

    def put(self, key: str, data: bytes, *, retain_until: datetime | None = None) -> bool:
        """Keep `data` under `key`; True if it is new, False if the same bytes were there already."""
        return self._put(_checked(key), data, _instant(retain_until))

    def put_file(self, key: str, path: Path, *, sha256: str, retain_until: datetime | None = None) -> bool:
        """Keep the bytes of a local file of any size, as `put` does, without holding them in memory.

        Raises:
            StoreError: also where the file can no longer be read, or no longer has this digest; nothing was kept.
        """
        return self._put_file(_checked(key), path, sha256, _instant(retain_until))

    def get(self, key: str) -> bytes:
        """The bytes under `key`; `StoreError` if there are none."""
        return self._get(_checked(key))

    def exists(self, key: str) -> bool:
        """Whether a whole object is under `key`."""
        return self._exists(_checked(key))

    def list(self, prefix: str) -> Iterator[str]:
        """Every key that starts with `prefix` (any beginning of a key, `""` for all), in ascending order."""
        if not _PREFIX.match(prefix):
            raise StoreError(f"prefix {prefix!r} is not the beginning of a key: letters, digits and ._=-/")
        return self._list(prefix)

    def local_path(self, key: str) -> Path:
        """A read-only local file with the bytes under `key` (a cache copy, checked, for remote stores)."""
        return self._local_path(_checked(key))

    def retention(self, key: str) -> Retention:
        """The retention in force on `key`; `StoreError` if there is no such object."""
        return self._retention(_checked(key))

    def retain(self, key: str, *, until: datetime | None = None, legal_hold: bool | None = None) -> None:
        """Extend the retention, set or lift the hold (None leaves it); shortening raises `StoreError`."""
        self._retain(_checked(key), _instant(until), legal_hold)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Let the puts of this thread become durable together, at the latest when the block ends.

        Until then another process may not see them; this thread always does. However the block ends, what was
        put in it is kept; if keeping it fails the block raises `StoreError`, and its puts must be repeated. A batch
        inside a batch ends with the outer one. A store that gains nothing from batching has this one.
        """
        yield

    def _put_file(self, key: str, path: Path, sha256: str, retain_until: datetime | None) -> bool:
        """For stores without a way of their own: through memory."""
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise changed(path)
        return self._put(key, data, retain_until)

    @abstractmethod
    def check_writable(self) -> None:
        """Raise `StoreError` with a next step if a `put` could not succeed now."""

    @abstractmethod
    def _put(self, key: str, data: bytes, retain_until: datetime | None) -> bool: ...

    @abstractmethod
    def _get(self, key: str) -> bytes: ...

    @abstractmethod
    def _exists(self, key: str) -> bool: ...

    @abstractmethod
    def _list(self, prefix: str) -> Iterator[str]: ...

    @abstractmethod
    def _local_path(self, key: str) -> Path: ...

    @abstractmethod
    def _retention(self, key: str) -> Retention: ...

    @abstractmethod
    def _retain(self, key: str, until: datetime | None, legal_hold: bool | None) -> None: ...


def changed(path: Path) -> StoreError:
    """What is raised where a file has other bytes than a moment ago."""
    return StoreError(
        f"{path} changed while it was kept: nothing of it was stored",
        next_step="Import it again when whoever writes it has finished.",
    )


def _checked(key: str) -> str:
    if not _KEY.match(key):
        raise StoreError(
            f"key {key!r} is not a relative path of letters, digits and ._=-/, at most 900 long, 200 in a name"
        )
    return key


def _instant(when: datetime | None) -> datetime | None:
    """`when` in UTC and whole seconds, rounded up: no store keeps an object for less than was asked."""
    if when is None:
        return None
    if when.tzinfo is None:
        raise StoreError(f"retention until {when.isoformat()} names no time zone")
    up = timedelta(seconds=1) if when.microsecond else timedelta()
    return when.astimezone(UTC).replace(microsecond=0) + up
