"""GitHub: the REST and GraphQL answers of the simulated company, as of the system's clock.

- Requests need `Authorization: Bearer demo-token` (or `token demo-token`); anything else is 401.
- Lists hold only what existed; bodies show the state of that instant.
- Audit entries are kept 180 days, git entries 7 days, as on the real service.
- Every answer has rate-limit headers and a request id that follow from the request and the clock alone.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from demo.http import json_response
from demo.systems import Response, Route
from demo.systems.github.answers import Answers
from demo.systems.github.routing import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from demo.model import Company
    from demo.systems import Request

for _module in ("organisation", "code", "protection", "actions"):
    importlib.import_module(f"demo.systems.github.routes_{_module}")

TOKEN = "demo-token"  # noqa: S105 - the simulation's only token, a secret to nobody
_LIMIT = 15_000
_UNAUTHORIZED = {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401"}


class GitHub:
    """The system; `build` makes it."""

    name = "github"

    def __init__(self, company: Company) -> None:
        self._answers = Answers(company)
        self._used = 0

    def routes(self) -> list[Route]:
        """Every route that the `routes_*` modules register, behind the token check."""
        return [
            Route(method, re.compile(pattern), partial(self._guarded, handler)) for method, pattern, handler in ROUTES
        ]

    def advance(self, now: datetime) -> None:
        """Nothing: GitHub writes no files."""

    def _guarded(self, handler: Callable[[Answers, Request], Response], request: Request) -> Response:
        self._used += 1
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() not in {"bearer", "token"} or token.strip() != TOKEN:
            answer = json_response(_UNAUTHORIZED, 401)
        else:
            answer = handler(self._answers, request)
        return replace(answer, headers={**answer.headers, **self._every(request)})

    def _every(self, request: Request) -> dict[str, str]:
        used = self._used % (_LIMIT // 3)
        hour = request.now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        asked = f"{request.method} {request.path} {sorted(request.query.items())} {request.now.isoformat()}"
        number = hashlib.blake2b(asked.encode(), digest_size=14).hexdigest().upper()
        return {
            "X-GitHub-Media-Type": "github.v3; format=json",
            "x-github-api-version-selected": "2022-11-28",
            "X-RateLimit-Limit": str(_LIMIT),
            "X-RateLimit-Remaining": str(_LIMIT - used),
            "X-RateLimit-Reset": str(int(hour.timestamp())),
            "X-RateLimit-Used": str(used),
            "X-RateLimit-Resource": "graphql" if request.path == "/graphql" else "core",
            "X-GitHub-Request-Id": f"{number[:4]}:{number[4:10]}:{number[10:17]}:{number[17:]}",
        }


def build(company: Company, directory: Path) -> GitHub:
    """The GitHub of a company; it writes nothing into `directory`."""
    del directory
    return GitHub(company)
