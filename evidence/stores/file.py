"""Objects as read-only files in a folder, for one machine or a shared file system.

- Under the root: `objects/` (a file per key), `retention/` (append-only records), `temporary/`.
- Bytes are written to a temporary file, made durable, and only then given their key by `link`, which unlike
  rename never replaces what is there. So a key never names a part of an object, whatever crashes when.
- A writer holds a shared lock on `temporary/`; whoever gets it alone knows that all that lies there was left by a
  crash, and removes it.
- Retention is a record and a promise of this program; the owner of the disk can break it. What the disk's
  owner must not be able to do belongs in an `s3` store with Object Lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from evidence.canonical import file_sha256
from evidence.errors import ConfigError, IntegrityError, StoreError
from evidence.stores._durable import copy_new, make_root, narrowed, sync, write_new
from evidence.stores._keys import keys_below
from evidence.stores._sidecar import Sidecars
from evidence.stores.base import Retention, Store, changed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

_MOST_STAGED = 4096  # objects of one batch that wait for one barrier; bounds what a crash makes us fetch again


def open(url: str, *, cache: Path, environ: Mapping[str, str]) -> FileStore:  # noqa: A001 - the registry's name
    """The store of `file:PATH`, `file:///PATH` or a plain path; needs neither cache nor environment."""
    del cache, environ
    if not url.startswith("file:"):
        return FileStore(Path(url))
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise ConfigError(f"store {url!r} names the host {parts.netloc!r}; valid: file:PATH or file:///PATH")
    path = unquote(parts.path) if url.startswith("file://") else url.removeprefix("file:")
    if not path:
        raise ConfigError(f"store {url!r} names no folder; valid: file:PATH or file:///PATH")
    return FileStore(Path(path))


@dataclass(frozen=True, slots=True)
class _Staged:
    temporary: Path
    sha256: bytes


@dataclass(slots=True)
class _Batch:
    lock: int | None = None  # descriptor of `temporary/`, opened before the first write
    staged: dict[str, _Staged] = field(default_factory=dict)
    sidecars: set[Path] = field(default_factory=set)
    named: set[Path] = field(default_factory=set)  # whose folders must be durable at the end
    lost: set[str] = field(default_factory=set)  # keys that another process stored first, same bytes


class FileStore(Store):
    """A store in the folder `root`, which the first put creates."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self.url = f"file:{self._root}"
        self._objects = self._root / "objects"
        self._temporary = self._root / "temporary"
        self._sidecars = Sidecars(self._root / "retention")
        self._durable: set[Path] = set()  # folders whose own names are known to be durable
        self._swept = False
        self._thread = threading.local()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Make this thread's puts durable together: one barrier for the bytes, one for the names."""
        with self._batched():
            yield

    def check_writable(self) -> None:
        """Rehearse a put in `temporary/`: write, sync, link."""
        with narrowed(f"store {self.url} is not writable"), self._batched() as batch:
            self._open(batch)
            first, second = self._new_temporary(), self._new_temporary()
            write_new(first, b"rehearsal")
            try:
                sync([first], -1)
                os.link(first, second)
                second.unlink()
            finally:
                first.unlink()

    def _put(self, key: str, data: bytes, retain_until: datetime | None) -> bool:
        def write(temporary: Path) -> None:
            write_new(temporary, data)

        return self._keep(key, hashlib.sha256(data).digest(), write, retain_until)

    def _put_file(self, key: str, path: Path, sha256: str, retain_until: datetime | None) -> bool:
        def write(temporary: Path) -> None:
            if copy_new(path, temporary).hex() != sha256:
                temporary.unlink()
                raise changed(path)

        return self._keep(key, bytes.fromhex(sha256), write, retain_until)

    def _keep(self, key: str, digest: bytes, write: Callable[[Path], None], retain_until: datetime | None) -> bool:
        with self._batched() as batch, narrowed(f"storing {key} in {self.url}"):
            held = self._held(batch, key)
            if held is not None and held != digest:
                raise self._conflict(key, held, digest)
            self._lengthen(batch, key, retain_until)  # first, so that the object is never there without
            if held is None:
                self._stage(batch, key, digest, write)
            batch.named.add(self._objects / key)
            if len(batch.staged) >= _MOST_STAGED:
                self._commit(batch)
        return held is None and key not in batch.lost

    def _get(self, key: str) -> bytes:
        self._settle()
        with narrowed(f"reading {key} in {self.url}"), self._present(key):
            return (self._objects / key).read_bytes()

    def _exists(self, key: str) -> bool:
        batch = self._current()
        if batch and key in batch.staged:
            return True
        with narrowed(f"looking for {key} in {self.url}"):
            return (self._objects / key).is_file()

    def _list(self, prefix: str) -> Iterator[str]:
        self._settle()
        folder = prefix.rpartition("/")[0]
        with narrowed(f"listing {prefix!r} in {self.url}"):
            yield from keys_below(self._objects / folder, f"{folder}/" if folder else "", prefix)

    def _local_path(self, key: str) -> Path:
        self._settle()
        path = self._objects / key
        with self._present(key):
            if not path.is_file():
                raise FileNotFoundError(path)
        return path

    def _retention(self, key: str) -> Retention:
        self._local_path(key)
        with narrowed(f"reading the retention of {key} in {self.url}"):
            return self._sidecars.read(key)

    def _retain(self, key: str, until: datetime | None, legal_hold: bool | None) -> None:
        self._local_path(key)
        with narrowed(f"retaining {key} in {self.url}"), self._batched() as batch:
            self._open(batch)
            if self._sidecars.change(key, until, legal_hold):
                self._touched(batch, key)

    # How a put is done, in its order.

    def _held(self, batch: _Batch, key: str) -> bytes | None:
        """The digest of what this key has, or will have at the end of the batch."""
        self._open(batch)
        staged = batch.staged.get(key)
        return staged.sha256 if staged else _digest(self._objects / key)

    def _lengthen(self, batch: _Batch, key: str, until: datetime | None) -> None:
        """Retain at least until then."""
        if until is None:
            return
        retained = self._sidecars.read(key).until
        if (retained is None or retained < until) and self._sidecars.change(key, until, None):
            self._touched(batch, key)

    def _stage(self, batch: _Batch, key: str, digest: bytes, write: Callable[[Path], None]) -> None:
        (self._objects / key).parent.mkdir(parents=True, exist_ok=True)
        temporary = self._new_temporary()
        write(temporary)
        batch.staged[key] = _Staged(temporary, digest)

    def _commit(self, batch: _Batch) -> None:
        staged, sidecars, named = batch.staged, batch.sidecars, batch.named
        batch.staged, batch.sidecars, batch.named = {}, set(), set()
        if batch.lock is None or not named:
            return
        conflicts: list[IntegrityError] = []
        with narrowed(f"making {len(named)} objects durable in {self.url}"):
            try:
                sync([one.temporary for one in staged.values()] + sorted(sidecars), batch.lock)
                for key, one in staged.items():
                    conflicts += self._name(batch, key, one)
            finally:
                for one in staged.values():
                    one.temporary.unlink(missing_ok=True)
            folders = self._folders(named)
            sync(folders, batch.lock)
            self._durable |= folders
        if conflicts:
            raise conflicts[0]

    def _name(self, batch: _Batch, key: str, staged: _Staged) -> list[IntegrityError]:
        path = self._objects / key
        try:
            os.link(staged.temporary, path)
        except FileExistsError:
            held = _digest(path) or b""
            if held != staged.sha256:
                return [self._conflict(key, held, staged.sha256)]
            batch.lost.add(key)
        return []

    # What the steps need.

    @contextmanager
    def _batched(self) -> Iterator[_Batch]:
        outer = self._current()
        if outer:
            yield outer
            return
        self._thread.batch = batch = _Batch()
        try:
            yield batch
        finally:
            self._thread.batch = None
            try:
                self._commit(batch)
            finally:
                if batch.lock is not None:
                    os.close(batch.lock)

    def _current(self) -> _Batch | None:
        return getattr(self._thread, "batch", None)

    def _settle(self) -> None:
        batch = self._current()
        if batch:
            self._commit(batch)

    def _open(self, batch: _Batch) -> None:
        if batch.lock is None:
            make_root(self._temporary)
            batch.lock = os.open(self._temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if not self._swept:
                self._sweep(batch.lock)
            fcntl.flock(batch.lock, fcntl.LOCK_SH)

    def _new_temporary(self) -> Path:
        return self._temporary / f"put-{uuid.uuid4().hex}"

    def _sweep(self, lock: int) -> None:
        with suppress(BlockingIOError):  # somebody is writing: a later opening sweeps
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in self._temporary.glob("put-*"):
                left.unlink()
        self._swept = True

    def _touched(self, batch: _Batch, key: str) -> None:
        batch.sidecars.add(self._sidecars.path(key))
        batch.named.add(self._sidecars.path(key))

    def _folders(self, named: set[Path]) -> set[Path]:
        """The folders of these paths, and those above whose names are not known to be durable."""
        folders: set[Path] = set()
        for folder in {path.parent for path in named}:
            folders.add(folder)
            while folder not in self._durable and folder != self._root:
                folder = folder.parent  # noqa: PLW2901 - climbing
                folders.add(folder)
        return folders

    @contextmanager
    def _present(self, key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise StoreError(
                f"no object {key} in {self.url}",
                next_step="If a receipt names it, it was removed: restore it from a copy of the store.",
            ) from error

    def _conflict(self, key: str, held: bytes, offered: bytes) -> IntegrityError:
        return IntegrityError(
            f"{key} in {self.url} holds other bytes: sha256 {held.hex()} there, {offered.hex()} offered",
            next_step="Objects are never replaced: find out which of the two was altered.",
        )


def _digest(path: Path) -> bytes | None:
    try:
        return bytes.fromhex(file_sha256(path))
    except FileNotFoundError:
        return None
