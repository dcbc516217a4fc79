"""The register of GitHub's routes; a name that leads nowhere is a 404, as on GitHub."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

from demo.http import json_response
from demo.systems.github.answers import Answers, graphql

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.systems import Request, Response

    Handler = Callable[[Answers, Request], Response]

REPO = "/repos/(?P<owner>[^/]+)/(?P<repo>[^/]+)"
ORG = "/orgs/(?P<org>[^/]+)"
ROUTES: list[tuple[str, str, Handler]] = [("POST", "/graphql", graphql)]


def not_found(message: str = "Not Found") -> Response:
    """The 404 that GitHub answers."""
    body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": "404"}
    return json_response(body, 404)


def get(pattern: str) -> Callable[[Handler], Handler]:
    """Register a handler for GET; a KeyError of it, or another organisation, is a 404."""

    def register(handler: Handler) -> Handler:
        @wraps(handler)
        def found(answers: Answers, request: Request) -> Response:
            if request.params.get("org", answers.company.org) != answers.company.org:
                return not_found()
            try:
                return handler(answers, request)
            except KeyError:
                return not_found()

        ROUTES.append(("GET", pattern, found))
        return found

    return register
