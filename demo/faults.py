"""Faults that a simulated system answers with on demand, so that connectors can be tried against them."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from demo.systems import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = (
    "rate_limit",  # 429 with Retry-After
    "secondary_limit",  # 403 with Retry-After, as GitHub's abuse detection answers
    "server_error",
    "bad_gateway",
    "unavailable",
    "html",  # 200 with a proxy's page instead of JSON
    "empty",  # 200 without a byte
    "truncated",  # half the body, then the connection closes
    "reset",  # the connection closes without an answer
    "slow",  # the answer comes late
)
_STATUS = {"server_error": 500, "bad_gateway": 502, "unavailable": 503}
_SECONDARY = b'{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}'


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: the `nth` request (from 1) whose path and query match goes wrong in one of `KINDS`.

    `seconds` is the Retry-After of a limit and the delay of `slow`.
    """

    path: str
    nth: int
    kind: str
    seconds: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a kind that does not exist."""
        if self.kind not in KINDS:
            raise ValueError(f"fault kind {self.kind!r} is none of {', '.join(KINDS)}")


@dataclass(slots=True)
class FaultPlan:
    """The faults still to come; each strikes once. Safe to ask from several threads."""

    faults: list[Fault]
    _seen: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def strike(self, target: str) -> Fault | None:
        """The fault that this request (path with query) meets, if any."""
        if not self.faults:
            return None
        with self._lock:
            for n, fault in enumerate(self.faults):
                if re.search(fault.path, target):
                    self._seen[n] = self._seen.get(n, 0) + 1
                    if self._seen[n] == fault.nth:
                        return fault
        return None

    def replace(self, faults: Iterable[Fault]) -> None:
        """Plan these faults instead; they count requests from now on."""
        with self._lock:
            self.faults[:] = faults
            self._seen.clear()


def spoil(fault: Fault, response: Response) -> Response:
    """The answer that a fault makes of a good one (`truncated`, `reset` and `slow` are the server's work)."""
    retry = {**response.headers, "Retry-After": str(int(fault.seconds))}
    match fault.kind:
        case "rate_limit":
            return Response(429, b'{"message":"API rate limit exceeded"}', retry)
        case "secondary_limit":
            return Response(403, _SECONDARY, retry)
        case "html":
            page = b"<html><body><h1>Sign in to continue</h1></body></html>"
            return Response(200, page, content_type="text/html; charset=utf-8")
        case "empty":
            return replace(response, body=b"", stream=None)
        case kind if kind in _STATUS:
            return Response(_STATUS[kind], b'{"message":"Server Error"}')
        case _:
            return response
