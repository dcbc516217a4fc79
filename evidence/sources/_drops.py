"""Take whole files that others put into a folder: each once, and again when its bytes change.

- What is new is told by the digest of the bytes. Size and time of change only spare reading what has not changed.
- A file that is still being written (`.part`, `.tmp`, `.swp`, a leading dot, or a size that moves while it is read)
  is left for the next time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evidence.canonical import sha256
from evidence.errors import SourceRejected, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

_UNFINISHED = (".part", ".tmp", ".swp", "~")


def files(folder: Path) -> list[Path]:
    """The finished files below `folder`, by name.

    Raises:
        SourceUnavailable: if there is no such folder: an empty folder and a missing one are not the same.
    """
    if not folder.is_dir():
        raise SourceUnavailable(
            f"{folder}: there is no such folder",
            next_step="Correct the path, or mount the folder that files drop into.",
        )
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(p for p in found if not p.name.startswith(".") and not p.name.endswith(_UNFINISHED))


def take_new(
    folder: Path, paths: Iterable[Path], state: Mapping[str, Any], take: Callable[[bytes, str], None]
) -> dict[str, Any]:
    """Hand every file that is new or changed to `take`, with its name below `folder`; the state after.

    Args:
        state: what the last call returned, {} at first: name to [size, time of change in ns, digest].

    Raises:
        SourceRejected: if a file may not be read.
    """
    after: dict[str, Any] = {}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        known = state.get(name, [0, 0, ""])
        try:
            before = _about(path)
        except FileNotFoundError:
            continue  # taken away since it was listed
        if known[:2] == before:
            after[name] = known
            continue
        body = _read(path)
        if _about(path) != before:
            after |= {name: known} if known[2] else {}
            continue
        digest = sha256(body)
        if digest != known[2]:
            take(body, name)
        after[name] = [*before, digest]
    return after


def _about(path: Path) -> list[int | str]:
    about = path.stat()
    # Nanoseconds since 1970 are beyond 2^53, which no receipt can hold as a number.
    return [about.st_size, str(about.st_mtime_ns)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except PermissionError as error:
        raise SourceRejected(
            f"{path}: not readable for this user", next_step="Let the collector's group read the folder."
        ) from error
