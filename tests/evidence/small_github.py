"""A GitHub of a few records on loopback: pages, cursors, ETags, filters, and one planned fault at a time.

- `World.lists` maps a path to its records (an array page), `World.keyed` to a key and its records (an object page),
  `World.single` to one object. Tests change them as they like.
- Pages hold `World.per_page` records, whatever was asked for, so that few records make many pages.
- `World.fault` is asked before each answer, with the number of the request (from 0) and its path.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "ghp_small0secret"
DATE = "Fri, 03 Jul 2026 06:00:00 GMT"
_CREATED = re.compile(r"^(?:created:)?(\S+)\.\.(\S+)$")


@dataclass
class World:
    """What this GitHub knows, and how it behaves."""

    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    keyed: dict[str, tuple[str, list[dict[str, Any]]]] = field(default_factory=dict)
    single: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    by_cursor: set[str] = field(default_factory=set)
    per_page: int = 2
    claimed: dict[str, int] = field(default_factory=dict)
    fault: Callable[[int, str], str] = lambda _number, _path: ""
    asked: list[str] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    loop: bool = False
    url: str = ""


@contextlib.contextmanager
def serving(world: World) -> Iterator[World]:
    """Serve `world` under a path prefix, as GitHub Enterprise Server does, until the block ends."""

    class Handler(_Handler):
        company = world

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    world.url = f"http://127.0.0.1:{server.server_port}/api/v3"
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    company: World

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        after = asked["variables"].get("after")
        self._answer("/graphql" + (f"?after={after}" if after else ""))

    def do_GET(self) -> None:
        self._answer(self.path.removeprefix("/api/v3"))

    def _answer(self, target: str) -> None:
        world = self.company
        number = len(world.asked)
        world.asked.append(target)
        status, headers, body = self._found(urlsplit(target).path, parse_qs(urlsplit(target).query))
        if self.headers.get("Authorization") != f"token {TOKEN}":
            status, headers, body = 401, {}, b'{"message":"Bad credentials"}'
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
        if status == 200 and self.headers.get("If-None-Match") == etag:
            status, body = 304, b""
        fault = world.fault(number, target)
        if fault:
            _FAULTS[fault](self, body)
            return
        self.send(status, body, {"ETag": etag, **headers})

    def send(self, status: int, body: bytes, headers: dict[str, str], *, length: int | None = None) -> None:
        """Send an answer whose Content-Length may lie."""
        self.company.sent.append(body)
        self.send_response_only(status)
        sent = {"Date": DATE, "Content-Type": "application/json; charset=utf-8", **headers}
        for name, value in sent.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def _found(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        world = self.company
        if path in world.moved:
            return 301, {"Location": world.moved[path]}, b'{"message":"Moved Permanently"}'
        if path in world.single:
            return 200, {}, json.dumps(world.single[path]).encode()
        if path in world.lists:
            return self._page(path, query, "", world.lists[path])
        if path in world.keyed:
            return self._page(path, query, *world.keyed[path])
        return 404, {}, json.dumps({"message": world.missing.get(path, "Not Found")}).encode()

    def _page(
        self, path: str, query: dict[str, list[str]], key: str, records: list[dict[str, Any]]
    ) -> tuple[int, dict[str, str], bytes]:
        world = self.company
        chosen = _filtered(query, records)
        place = "after" if path in world.by_cursor else "page"
        page = int(query.get(place, ["c1"])[0].lstrip("c") or 1)
        start = (page - 1) * world.per_page
        items = chosen[start : start + world.per_page]
        headers = {}
        if start + world.per_page < len(chosen):
            rest = "&".join(f"{k}={quote(v[0])}" for k, v in query.items() if k != place)
            target = (
                f"{world.url}{path}?{rest}&{place}={'c' if place == 'after' else ''}{1 if world.loop else page + 1}"
            )
            headers["Link"] = f'<{world.url}{path}?{rest}>; rel="first", <{target}>; rel="next"'
        total = world.claimed.get(path, len(chosen))
        value = {"total_count": total, key: items} if key else items
        return 200, headers, json.dumps(value).encode()

    def reset(self, _body: bytes) -> None:
        """Break the connection with RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def cut(self, body: bytes, *, by: int) -> None:
        """Send fewer bytes than announced (`by` > 0: of the body; < 0: announce more than there are)."""
        self.send(200, body[: len(body) // 2] if by > 0 else body, {}, length=len(body) + (64 if by < 0 else 0))
        self.close_connection = True

    def late(self, _body: bytes) -> None:
        """Answer after the client has gone."""
        time.sleep(0.5)
        self.close_connection = True


def _filtered(query: dict[str, list[str]], records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = _CREATED.match((query.get("phrase") or query.get("created") or [""])[0])
    if found is None:
        since = query.get("since", [""])[0]
        return [r for r in records if not since or r["commit"]["committer"]["date"] >= since]
    start, end = (datetime.fromisoformat(text) for text in found.groups())
    return [r for r in records if start <= _created(r) <= end]


def _created(record: dict[str, Any]) -> datetime:
    at = record["created_at"]
    return datetime.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at / 1000, tz=UTC)


def _limit(extra: dict[str, str], status: int, message: str) -> Callable[[_Handler, bytes], None]:
    body = json.dumps({"message": message}).encode()
    return lambda handler, _body: handler.send(status, body, extra)


_HTML = {"Content-Type": "text/html"}
_FAULTS: dict[str, Callable[[_Handler, bytes], None]] = {
    "429": _limit({}, 429, "Too many requests"),
    "429 retry-after": _limit({"Retry-After": "7"}, 429, "Too many requests"),
    "403 secondary": _limit({}, 403, "You have exceeded a secondary rate limit."),
    "403 primary": _limit(
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1783058460"}, 403, "API rate limit exceeded"
    ),
    "500": lambda h, _: h.send(500, b"oops", {}),
    "502": lambda h, _: h.send(502, b"<html>bad gateway</html>", _HTML),
    "503": lambda h, _: h.send(503, b"", {}),
    "202": lambda h, _: h.send(202, b"{}", {}),
    "html": lambda h, _: h.send(200, b"<!DOCTYPE html><p>Sign in</p>", _HTML),
    "empty": lambda h, _: h.send(200, b"", {}),
    "other shape": lambda h, _: h.send(200, b'"ok"', {}),
    "cut json": lambda h, body: h.send(200, body[: len(body) // 2], {}),
    "truncated": lambda h, body: h.cut(body, by=1),
    "length too large": lambda h, body: h.cut(body, by=-1),
    "length too small": lambda h, body: h.send(200, body, {}, length=max(1, len(body) - 5)),
    "reset": _Handler.reset,
    "timeout": _Handler.late,
    "revoked": _limit({}, 401, "Bad credentials"),
    "forbidden": _limit({"x-accepted-github-permissions": "administration=read"}, 403, "Resource not accessible"),
    "cursor gone": _limit({}, 422, "Invalid cursor"),
}
FAULTS_TO_SURVIVE = sorted(set(_FAULTS) - {"revoked", "forbidden", "cursor gone"})
