"""The systems of the simulated company, one module each, plugged in by name.

- Each module has `build(company, directory) -> System`; `demo.simulation` mounts its routes under `/<name>`.
- A system never shows what has not happened: an HTTP answer is as of `Request.now`, files hold what `advance` was
  last told. Each system has a clock of its own.
- The server adds Date (virtual) and Content-Length, answers 304 to a matching If-None-Match where a response has
  an ETag, and injects planned faults; everything else is the handler's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a handler sees it.

    `path` is what follows `/<name>`, `params` the named groups of the route's pattern, `query` the last value of
    each key, `headers` have lower-case names, `base_url` is the system's own root without a final slash. `now`
    is the system's virtual instant; `clock` reads it again, for answers that stream while it moves.
    """

    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: datetime
    base_url: str
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Response:
    """What a handler answers. A `stream` is sent chunked, each item at once; `body` is then ignored."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"
    stream: Iterator[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a pattern that the whole path below `/<name>` must match, and who answers it."""

    method: str
    pattern: re.Pattern[str]
    handler: Callable[[Request], Response]


class System(Protocol):
    """One simulated system, made by its module's `build(company, directory)`."""

    name: str

    def routes(self) -> list[Route]:
        """The HTTP routes that it answers; empty for a system that only writes files."""

    def advance(self, now: datetime) -> None:
        """Take note of the clock: write to files what happened up to `now`, which never goes back."""
