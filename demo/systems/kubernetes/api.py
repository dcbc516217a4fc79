"""The API server's answers: lists with pages, watches, and who may ask.

- The bearer token must be `TOKEN`: none is 403 (anonymous may nothing), another is 401.
- A list is consistent over its pages, as of the first; its `continue` token expires after five minutes (410).
- A watch tells the changes after `resourceVersion`, goes on while the clock moves, and sends bookmarks where asked.
"""

from __future__ import annotations

import base64
import json
import time
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from demo.http import json_response
from demo.systems import Response
from demo.systems.kubernetes.events import newer_form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from demo.systems import Request
    from demo.systems.kubernetes.cluster import Cluster
    from demo.systems.kubernetes.events import Change, EventLog

    Item = dict[str, object]

TOKEN = "demo-token"  # noqa: S105 - the simulated cluster's only token, on loopback
VERSION = {
    "major": "1", "minor": "33", "gitVersion": "v1.33.3", "gitCommit": "80779bd6ff08b451e1c165a338a7b69351e9b0b8",
    "gitTreeState": "clean", "buildDate": "2025-07-15T18:05:14Z", "goVersion": "go1.24.4", "compiler": "gc",
    "platform": "linux/amd64",
}  # fmt: skip
_EXPIRES = timedelta(minutes=5)
_HISTORY = timedelta(hours=1)
_POLL = 0.05  # seconds
_BOOKMARK_EVERY = 1.0  # seconds
_LONGEST = 300.0  # seconds


def refusal(request: Request) -> Response | None:
    """401 or 403, or None for whoever has the token."""
    given = request.headers.get("authorization", "")
    if given == f"Bearer {TOKEN}":
        return None
    if given:
        return status(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")
    message = f'"{request.path}" is forbidden: User "system:anonymous" cannot get path "{request.path}"'
    return status(HTTPStatus.FORBIDDEN, "Forbidden", message)


def status(code: HTTPStatus, reason: str, message: str) -> Response:
    """A failure as the API server words it."""
    return json_response(_status(code, reason, message), code)


def _status(code: HTTPStatus, reason: str, message: str) -> Item:
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": int(code),
    }  # fmt: skip


class Api:
    """Lists and watches of one cluster."""

    def __init__(self, cluster: Cluster, log: EventLog) -> None:
        self._cluster, self._log = cluster, log

    def pods(self, request: Request) -> Response:
        """Pods of a namespace or of all."""
        return self._list(request, ("PodList", "v1"), lambda at: self._cluster.pods(at, self._log.version_at))

    def access(self, request: Request) -> Response:
        """Roles or bindings of a namespace, of all, or of the cluster."""
        kind = request.params["kind"]
        singular = {"roles": "Role", "clusterroles": "ClusterRole", "rolebindings": "RoleBinding"}
        name = singular.get(kind, "ClusterRoleBinding") + "List"
        shape = (name, "rbac.authorization.k8s.io/v1")
        return self._list(request, shape, lambda at: self._cluster.access(kind, at, self._log.version_at))

    def events(self, request: Request) -> Response:
        """Events of core/v1 or events.k8s.io/v1, as a list or a watch."""
        newer = request.path.startswith("/apis/")
        form = newer_form if newer else dict
        api = "events.k8s.io/v1" if newer else "v1"
        if request.query.get("watch", "").lower() in {"true", "1"}:
            return Response(stream=self._watch(request, api, form))

        def items(at: datetime) -> list[Item]:
            alive = self._log.alive(self._log.position(at), at)
            return [form(self._log.body(position, change)) for position, change in alive]

        return self._list(request, ("EventList", api), items)

    # -- lists -------------------------------------------------------------------------------------------------

    def _list(self, request: Request, shape: tuple[str, str], items: Callable[[datetime], list[Item]]) -> Response:
        query = request.query
        at, start = request.now, 0
        if token := query.get("continue"):
            found = _read_token(token)
            if found is None:
                return status(HTTPStatus.BAD_REQUEST, "BadRequest", "continue key is not valid")
            at, start = found
            if not at <= request.now <= at + _EXPIRES:
                message = "The provided continue parameter is too old to display a consistent list result."
                return status(HTTPStatus.GONE, "Expired", message)
        space = request.params.get("namespace")
        held = [item for item in items(at) if space is None or _namespace(item) == space]
        limit = int(query["limit"]) if query.get("limit", "").isdigit() and int(query["limit"]) else len(held)
        metadata: Item = {"resourceVersion": self._log.version_at(at)}
        if start + limit < len(held):
            metadata["continue"] = _token(at, start + limit)
            metadata["remainingItemCount"] = len(held) - start - limit
        kind, api = shape
        page = held[start : start + limit]
        return json_response({"kind": kind, "apiVersion": api, "metadata": metadata, "items": page})

    # -- watches -----------------------------------------------------------------------------------------------

    def _watch(self, request: Request, api: str, form: Callable[[Item], Item]) -> Iterator[bytes]:
        asked = request.query.get("resourceVersion", "")
        position = self._log.position_of(asked) if asked not in {"", "0"} else None
        space = request.params.get("namespace")
        if asked not in {"", "0"} and (position is None or position < self._log.position(request.now - _HISTORY)):
            message = f"too old resource version: {asked} ({self._log.version_at(request.now)})"
            yield _line("ERROR", _status(HTTPStatus.GONE, "Expired", message))
            return
        if position is None:
            position = self._log.position(request.now)
            for n, change in self._log.alive(position, request.now):
                if space in {None, change.happening.namespace}:
                    yield _line("ADDED", {"kind": "Event", "apiVersion": api, **form(self._log.body(n, change))})
        yield from self._follow(request, position, lambda n, c: form(self._log.body(n, c)), api)

    def _follow(
        self, request: Request, position: int, body: Callable[[int, Change], Item], api: str
    ) -> Iterator[bytes]:
        space = request.params.get("namespace")
        bookmarks = request.query.get("allowWatchBookmarks", "").lower() in {"true", "1"}
        asked = request.query.get("timeoutSeconds", "")
        end = time.monotonic() + (min(float(asked), _LONGEST) if asked.isdigit() else _LONGEST)
        marked = time.monotonic()
        while True:
            reached = self._log.position(request.clock())
            for n in range(position, reached):
                change = self._log.changes[n]
                if space in {None, change.happening.namespace}:
                    yield _line(change.what, {"kind": "Event", "apiVersion": api, **body(n + 1, change)})
            position = max(position, reached)
            over = time.monotonic() >= end
            if bookmarks and (over or time.monotonic() - marked >= _BOOKMARK_EVERY):
                marked = time.monotonic()
                yield _line("BOOKMARK", self._bookmark(request.clock(), api))
            if over:
                return
            time.sleep(_POLL)

    def _bookmark(self, at: datetime, api: str) -> Item:
        version = {"resourceVersion": self._log.version_at(at), "creationTimestamp": None}
        return {"kind": "Event", "apiVersion": api, "metadata": version}


def _namespace(item: Item) -> object:
    metadata = item["metadata"]
    return metadata.get("namespace") if isinstance(metadata, dict) else None


def _line(what: str, value: Item) -> bytes:
    return json.dumps({"type": what, "object": value}, separators=(",", ":")).encode() + b"\n"


def _token(at: datetime, start: int) -> str:
    told = {"v": "meta.k8s.io/v1", "at": at.isoformat(), "start": start}
    return base64.urlsafe_b64encode(json.dumps(told, separators=(",", ":")).encode()).decode()


def _read_token(token: str) -> tuple[datetime, int] | None:
    try:
        told = json.loads(base64.urlsafe_b64decode(token))
        return datetime.fromisoformat(told["at"]), int(told["start"])
    except (ValueError, KeyError, TypeError):
        return None
