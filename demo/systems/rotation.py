"""A log file that a system appends to and rotates every Monday at 00:00 UTC.

- Lines are known beforehand, in order of time; `advance` writes those up to `now` and never takes one back.
- What lies in the folder already is kept: writing goes on behind it, so that a second start adds nothing.
- Rotation renames: numbered (`audit.log.1` is the newest) or dated (`audit-2026-07-06T00-00-00.000.log`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from demo.systems.stable import nanos

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")
_MONDAY = datetime(2020, 1, 6, tzinfo=UTC)
_WEEK = timedelta(days=7)
_WEEK_NS = 7 * 86_400 * 1_000_000_000


class RotatingLog(Generic[T]):
    """The log at `path`. `entries` are (nanoseconds since 1970, what `render` makes a line of), oldest first.

    Raises:
        ValueError: if `path` holds the log of another company.
    """

    def __init__(
        self, path: Path, entries: Sequence[tuple[int, T]], render: Callable[[T], bytes], *, dated: bool = False
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._entries, self._render, self._dated = path, entries, render, dated
        self._written = self._resume()

    def advance(self, now: datetime) -> None:
        """Append every line up to `now`, inclusive."""
        until = nanos(now)
        while self._written < len(self._entries) and self._entries[self._written][0] <= until:
            week = _week(self._entries[self._written][0])
            if self._written and _week(self._entries[self._written - 1][0]) != week and self._path.exists():
                self._rotate(week)
            block = []
            while self._written < len(self._entries):
                at, what = self._entries[self._written]
                if at > until or _week(at) != week:
                    break
                block.append(self._render(what))
                self._written += 1
            with self._path.open("ab") as file:
                file.write(b"\n".join(block) + b"\n")

    def _rotated(self) -> list[Path]:
        """The rotated files, the newest first."""
        if self._dated:
            return sorted(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"), reverse=True)
        return sorted(self._path.parent.glob(f"{self._path.name}.*"), key=lambda p: int(p.suffix[1:]))

    def _rotate(self, week: int) -> None:
        if self._dated:
            name = (_MONDAY + week * _WEEK).strftime(f"{self._path.stem}-%Y-%m-%dT%H-%M-%S.000{self._path.suffix}")
            self._path.rename(self._path.with_name(name))
            return
        for old in reversed(self._rotated()):
            old.rename(self._path.with_name(f"{self._path.name}.{int(old.suffix[1:]) + 1}"))
        self._path.rename(self._path.with_name(f"{self._path.name}.1"))

    def _resume(self) -> int:
        """How many lines lie there already."""
        files = [*reversed(self._rotated()), *([self._path] if self._path.exists() else [])]
        if files and self._entries:
            with files[0].open("rb") as file:
                if file.readline().rstrip(b"\n") != self._render(self._entries[0][1]):
                    raise ValueError(f"{files[0]} is the log of another company; give an empty folder")
        return sum(file.read_bytes().count(b"\n") for file in files)


def _week(ns: int) -> int:
    return (ns - nanos(_MONDAY)) // _WEEK_NS
