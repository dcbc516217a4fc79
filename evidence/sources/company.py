"""The company's own systems, as files that they drop into a folder: HR roster, incidents, tickets, reviews, monitoring.

- A file belongs to the stream that its name, or the folder that it lies in, begins with: `company.workers.jsonl`,
  `hr.worker-2026-07.csv`, `workers.json`, `incidents/july.jsonl`. Full name, alias and last word all count.
- A file is taken whole, and again whenever its bytes change; what a record in it is, the normaliser knows.
- A stream that is named in `streams` and of which no file was ever dropped is a gap: silence proves nothing.

Example::

    company:
      folder: /srv/evidence/drops
      streams: [company.workers, company.incidents]      # those that must be there; all are taken
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.capture import Gap, Outcome
from evidence.errors import ConfigError
from evidence.sources._drops import files, take_new
from evidence.sources._settings import check_names, text, texts
from evidence.sources.base import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evidence.capture import Window
    from evidence.sources.base import Keep, Source

NAME = "company"
PATHS = ("folder",)
_ALIASES = {
    "company.workers": "hr.worker",
    "company.incidents": "inc",
    "company.postmortems": "postmortem",
    "company.tickets": "itsm.ticket",
    "company.retrospective_reviews": "retro_review",
    "company.break_glass_reviews": "bg_review",
    "company.waivers": "waiver",
    "company.freezes": "cal.freeze",
    "company.on_call": "oncall",
    "company.access_reviews": "uar",
    "company.restore_tests": "dr.test",
    "company.schedules": "schedule",
    "company.job_runs": "job_run",
    "idp.events": "idp.event",
    "identity.links": "identity_link",
    "identity.non_human": "nhi",
    "git.trees": "git.tree",
    "falco.alerts": "falco.event",
    "evidence.heartbeats": "ev.heartbeat",
    "evidence.clocks": "ev.clock",
    "evidence.positive_controls": "ev.positive_control",
    "evidence.late_evaluations": "ev.late",
}
_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv")
STREAMS: tuple[Stream, ...] = tuple(Stream(name, "file") for name in _ALIASES)


class Company:
    """A folder of file drops as a `Source`; `expected` are the streams that must be there."""

    streams: tuple[Stream, ...] = STREAMS

    def __init__(self, folder: Path, expected: tuple[str, ...]) -> None:
        self._folder, self._expected = folder, expected
        self._listed: tuple[object, dict[str | None, list[Path]]] = (None, {})

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """See `evidence.sources.base.Source.collect`; new and changed files are given, whatever the window."""
        if stream not in _ALIASES:
            raise ConfigError(f"company has no stream {stream!r}; it has {', '.join(_ALIASES)}")
        present = self._present((window, now))
        mine = present.get(stream, [])
        after = take_new(self._folder, mine, cursor.get("files", {}), lambda body, name: _keep(keep, body, name))
        gaps: tuple[Gap, ...] = ()
        if not mine and stream in self._expected:
            gaps = (Gap(window.start, window.end, f"no file of {stream} was ever dropped into the folder"),)
        unclaimed = len(present.get(None, []))
        totals = {"files": len(mine)} | ({"files that no stream takes": unclaimed} if unclaimed else {})
        return Outcome({"files": after}, totals, gaps, complete=not gaps)

    def close(self) -> None:
        """Nothing is held open between collections."""

    def _present(self, moment: object) -> dict[str | None, list[Path]]:
        """The files by stream; listed once for all streams of one window and time."""
        if self._listed[0] != moment:
            found: dict[str | None, list[Path]] = {}
            for path in files(self._folder):
                found.setdefault(stream_of(path.relative_to(self._folder)), []).append(path)
            self._listed = (moment, found)
        return self._listed[1]


def connect(settings: Mapping[str, Any], environ: Mapping[str, str]) -> Source:
    """A source for these settings; nothing is read yet."""
    del environ
    check_names(NAME, settings, ("folder", "streams"))
    expected = texts(NAME, settings, "streams")
    names = {alias: name for name, alias in _ALIASES.items()}
    full = tuple(names.get(name, name) for name in expected)
    unknown = sorted(set(full) - set(_ALIASES))
    if unknown:
        raise ConfigError(f"source company: no stream {unknown[0]!r}; there are {', '.join(_ALIASES)}")
    return Company(Path(text(NAME, settings, "folder")), full)


@lru_cache(maxsize=100_000)
def stream_of(path: Path) -> str | None:
    """The stream that a file below the folder belongs to, None for none."""
    if path.suffix not in _ENDINGS:
        return None
    for part in reversed(path.parts):
        fitting = [(len(name), stream) for stream in _ALIASES for name in _names(stream) if _begins(part, name)]
        if fitting:
            return max(fitting)[1]
    return None


def _names(stream: str) -> tuple[str, str, str]:
    return stream, _ALIASES[stream], stream.partition(".")[2]


def _begins(part: str, name: str) -> bool:
    return part.startswith(name) and (len(part) == len(name) or part[len(name)] in ".-_")


def _keep(keep: Keep, body: bytes, name: str) -> None:
    keep(body, request=f"FILE {name}", response={})
