"""What makes bytes durable on a POSIX file system, and what the errors of doing so mean.

- A file's bytes are durable after its fsync, its name after the fsync of its folder, the folder's name after
  the fsync of the folder above.
- `syncfs` does all of that for a whole file system at the price of a few fsyncs. It reports write errors
  since Linux 5.8, to descriptors opened before the write; elsewhere each path is synced by itself.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evidence.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_FEW = 6  # up to here separate fsyncs are quicker than one syncfs, which also waits for other people's writes
_BLOCK = 1 << 20  # bytes copied at a time
_NEXT_STEPS = {
    errno.ENOSPC: "Free space on that file system, then run again: what was not stored is asked for again.",
    errno.EDQUOT: "Raise this user's disk quota or free space, then run again.",
    errno.EACCES: "Let the user that runs this write in that folder, or point `store` to another folder.",
    errno.EPERM: "Use a file system with hard links, in which the user that runs this may write.",
    errno.EROFS: "Mount that file system writable, or point `store` to another folder.",
}


@contextmanager
def narrowed(doing: str) -> Iterator[None]:
    """Turn any `OSError` in the block into a `StoreError` that says what was being done and what to do."""
    try:
        yield
    except OSError as error:
        step = _NEXT_STEPS.get(error.errno or 0, "Look at that disk and its mount, then run again.")
        raise StoreError(f"{doing}: {error}", next_step=step) from error


def write_new(path: Path, data: bytes) -> None:
    """Write a new read-only file, not yet durable; on failure nothing stays."""
    with _new(path) as descriptor:
        _write(descriptor, data)


def copy_new(source: Path, path: Path) -> bytes:
    """Copy a file into a new read-only one, not yet durable; the SHA-256 of what was copied. As `write_new` else."""
    digest = hashlib.sha256()
    with _new(path) as descriptor, source.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            _write(descriptor, block)
    return digest.digest()


@contextmanager
def _new(path: Path) -> Iterator[int]:
    """The descriptor of a new read-only file; nothing stays of one whose writing fails."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    try:
        yield descriptor
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync(paths: Collection[Path], file_system: int) -> None:
    """Make files and folders durable; `file_system` is a descriptor opened on theirs before they were written."""
    if len(paths) > _FEW and _syncfs is not None:
        if _syncfs(file_system) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_root(folder: Path) -> None:
    """Create a folder and those above it, each name durable."""
    if folder.is_dir():
        return
    make_root(folder.parent)
    folder.mkdir(exist_ok=True)
    sync([folder.parent], -1)


def _load_syncfs() -> ctypes._NamedFuncPointer | None:
    if platform.system() != "Linux":
        return None
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if release >= (5, 8) else None


_syncfs = _load_syncfs()
