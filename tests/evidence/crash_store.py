"""Puts into file stores and dies by SIGKILL before the first, second, … system call; run by test_stores_file.py.

`python crash_store.py FOLDER put|batch` makes one store per point of death, `FOLDER/1`, `FOLDER/2`, …, until a put
survives. `FOLDER/N.returned` exists where the put had returned before its process died.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.stores import _durable
from evidence.stores.file import FileStore

if TYPE_CHECKING:
    from collections.abc import Callable

UNTIL = datetime(2033, 6, 1, tzinfo=UTC)
OBJECTS = {f"a/{number}/b": f"bytes {number}".encode() * 500 for number in range(8)}  # more than _durable._FEW
STEPS = ("open", "write", "close", "link", "unlink", "mkdir", "fsync", "pread", "ftruncate")


def count_calls(before: Callable[[], None]) -> None:
    """Have `before` called ahead of each system call that a put makes."""

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*args: Any, **kwargs: Any) -> Any:
            before()
            return call(*args, **kwargs)

        return instead

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    fcntl.flock = counted(fcntl.flock)
    _durable._syncfs = counted(_durable._syncfs) if _durable._syncfs else None  # type: ignore[assignment]


def put(store: FileStore, mode: str) -> None:
    """Put one object, or all of them in a batch."""
    if mode == "put":
        store.put("a/0/b", OBJECTS["a/0/b"], retain_until=UNTIL)
        return
    with store.batch():
        for key, data in OBJECTS.items():
            store.put(key, data, retain_until=UNTIL)


def die_at(folder: Path, point: int, mode: str) -> None:
    """Put, and die before call number `point`."""
    left = itertools.count(point - 1, -1)

    def before() -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    store = FileStore(folder / str(point))
    count_calls(before)
    put(store, mode)
    (folder / f"{point}.returned").touch()


def main(folder: Path, mode: str) -> None:
    """Die at every point in turn."""
    for point in itertools.count(1):
        child = os.fork()
        if child == 0:
            die_at(folder, point, mode)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
