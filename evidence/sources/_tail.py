"""Read what was appended to a log file, through every kind of rotation, each line once.

- A *generation* is what a log file holds between two rotations. It is known by the digest of its first line, so that
  rename, copy-and-truncate and gzip change nothing: wherever that content lies now, reading goes on at the offset
  that was reached. The digest of the bytes before the offset shows whether somebody edited what was read.
- Only whole lines are taken. The unfinished last line of the file in use is left for the next time; that of a rotated
  file is taken when it has not grown since the last time.
- A generation that was in use and is nowhere to be found is a loss, and told. One that was rotated and read to its
  end may go.
- The files beside `audit.log` that count as rotated: `audit.log.*`, `audit.log-*`, `audit-*.log*`.
"""

from __future__ import annotations

import gzip
import os
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evidence.canonical import sha256
from evidence.errors import SourceRejected, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Take = Callable[[bytes, str, int], None]

CHUNK = 8 * 1024 * 1024  # bytes of one capture, at most, unless a single line is longer
_TAIL = 1024  # bytes before the offset whose digest is remembered
_SETTLE = 5  # listings until two in a row agree


@dataclass(slots=True)
class Tailed:
    """What one reading of one log gave.

    Attributes:
        state: where the next reading goes on; JSON.
        lines: whole lines taken.
        losses: what could not be read, in plain words.
    """

    state: dict[str, Any] = field(default_factory=dict)
    lines: int = 0
    losses: list[str] = field(default_factory=list)


def tail(path: Path, state: Mapping[str, Any], take: Take, *, chunk: int = CHUNK) -> Tailed:
    """Hand every new whole line of the log at `path` to `take`, in pieces that end with a line.

    Args:
        path: the file in use; the rotated ones lie beside it.
        state: what the last reading returned, {} at first: then everything that is there is new.
        take: called with the bytes, the name of the file that they came from, and their offset in it.
        chunk: bytes of one piece.

    Raises:
        SourceUnavailable: if there is no such file, rotated or not.
        SourceRejected: if a file may not be read.
    """
    result = Tailed()
    files = _open_all(path)
    try:
        found: dict[str, _File] = {}
        for file in files:
            if file.identity and file.better_than(found.get(file.identity)):
                found[file.identity] = file
        for identity, file in found.items():
            result.state[identity] = _read_on(file, state.get(identity, {}), take, result, chunk)
    finally:
        for file in files:
            file.close()
    plain = {file.name for file in files}
    result.losses += [
        f.damage for f in files if f.damage and not f.identity and f.name.removesuffix(".gz") not in plain
    ]
    for identity, known in state.items():
        if identity not in result.state and (known["live"] or known["rest"]):
            result.losses.append(f"{path.name}: a file that was read to byte {known['offset']} only is gone")
    return result


class _File:
    """One opened log file, live or rotated, plain or gzip; unbuffered, so that a truncation is seen at once."""

    def __init__(self, path: Path, *, live: bool) -> None:
        self.name, self.live, self.damage = path.name, live, ""
        self._raw = path.open("rb", buffering=0)
        about = os.fstat(self._raw.fileno())
        # Nanoseconds since 1970 are beyond 2^53, which no receipt can hold as a number.
        self.stamp = [about.st_size, str(about.st_mtime_ns)]
        self.changed = about.st_mtime_ns
        self.place = (about.st_dev, about.st_ino)
        self.packed = os.pread(self._raw.fileno(), 2, 0) == b"\x1f\x8b"
        self._unpacked = gzip.GzipFile(fileobj=self._raw) if self.packed else None
        self.identity = self._identify()

    def better_than(self, other: _File | None) -> bool:
        """Whether this copy of a generation is the one to read: a plain one, the longest, the one in use."""
        mine = (not self.packed, self.stamp[0], self.live)
        return other is None or mine > (not other.packed, other.stamp[0], other.live)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; nothing where a gzip file is damaged, and `damage` says so."""
        if self._unpacked is None:
            return os.pread(self._raw.fileno(), size, offset)
        try:
            self._unpacked.seek(offset)
            return self._unpacked.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.damage = f"{self.name} cannot be unpacked: {error}"
            return b""

    def unchanged(self) -> bool:
        """Whether the file still holds the generation that it held when it was opened."""
        return self.packed or self._identify() == self.identity

    def close(self) -> None:
        """Close the file."""
        if self._unpacked is not None:
            self._unpacked.close()
        self._raw.close()

    def _identify(self) -> str:
        first = b""
        while b"\n" not in first:
            block = self.read(len(first), 64 * 1024)
            if not block:
                return sha256(first) if first and not self.live else ""
            first += block
        return sha256(first[: first.index(b"\n")])


def _read_on(file: _File, known: Mapping[str, Any], take: Take, result: Tailed, chunk: int) -> dict[str, Any]:
    offset = int(known.get("offset", 0))
    if known and not file.live and not known["rest"] and known["stamp"] == file.stamp:
        return {**known, "live": False}
    last = file.read(max(0, offset - _TAIL), min(offset, _TAIL))
    if known and sha256(last) != known["tail"]:
        if len(last) < min(offset, _TAIL):
            return dict(known)  # a copy that is not finished: the original was read further
        result.losses.append(f"{file.name} was changed before byte {offset}, after it was read; it is read again")
        offset, last = 0, b""
    rest = b""
    while block := file.read(offset + len(rest), chunk):
        rest += block
        end = rest.rfind(b"\n") + 1
        if not file.unchanged():
            break  # truncated under our hands: the next reading finds where this content went
        if end:
            take(rest[:end], file.name, offset)
            result.lines += rest.count(b"\n", 0, end)
            offset, last, rest = offset + end, (last + rest[:end])[-_TAIL:], rest[end:]
    if rest and not file.live and (known.get("rest"), known.get("offset")) == (len(rest), offset):
        take(rest, file.name, offset)
        result.lines += 1
        offset, last, rest = offset + len(rest), (last + rest)[-_TAIL:], b""
    if file.damage:
        result.losses.append(file.damage)
    return {"offset": offset, "tail": sha256(last), "live": file.live, "rest": len(rest), "stamp": file.stamp}


def _open_all(path: Path) -> list[_File]:
    """Every file of the log, the oldest first, opened at a moment at which no rotation was under way."""
    for _ in range(_SETTLE):
        files = _open_listed(path)
        places = [file.place for file in files]
        again = _open_listed(path)
        for file in again:
            file.close()
        if places == [file.place for file in again]:
            break
        for file in files:
            file.close()
    else:
        raise SourceUnavailable(
            f"{path}: its rotated files changed names {_SETTLE} times while they were listed",
            next_step="Run again when the rotation has ended.",
        )
    if not files:
        raise SourceUnavailable(
            f"{path}: there is no such log, nor a rotated one beside it",
            next_step="Correct the path, mount the folder, or enable the audit device.",
        )
    return files


def _open_listed(path: Path) -> list[_File]:
    patterns = (f"{path.name}.*", f"{path.name}-*", f"{path.stem}-*{path.suffix}*" if path.suffix else "")
    beside = {p for pattern in patterns if pattern for p in path.parent.glob(pattern) if p.is_file()}
    files: list[_File] = []
    try:
        for name in [*sorted(beside - {path}, key=lambda p: p.name), path]:
            try:
                files.append(_File(name, live=name == path))
            except FileNotFoundError:
                continue  # renamed since it was listed: the second listing shows it under its new name
    except PermissionError as error:
        for file in files:
            file.close()
        raise SourceRejected(
            f"{error.filename}: not readable for this user", next_step="Let the collector's group read the audit log."
        ) from error
    return sorted(files, key=lambda f: (f.live, f.changed))
