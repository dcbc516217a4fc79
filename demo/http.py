"""One small HTTP/1.1 server on loopback for every simulated system.

- Paths are `/<system>/…`; each system has a virtual clock of its own, which is also its Date header.
- Keep-alive, one thread a connection, one write an answer: a request costs well under a millisecond.
- `POST /_simulation/clock {"system": "github", "now": "2026-07-02T10:00:00Z"}` moves a clock.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from demo.faults import FaultPlan, spoil
from demo.systems import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.faults import Fault
    from demo.systems import Route, System

_MAX_LINE = 65_536
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_NOT_FOUND = Response(404, b'{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}')


def json_response(value: object, status: int = 200, **headers: str) -> Response:
    """A compact JSON answer."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, {k.replace("_", "-"): v for k, v in headers.items()})


class Site:
    """The mounted systems, their clocks and the fault plan; answers requests without any network."""

    def __init__(self, systems: list[System], now: datetime, faults: list[Fault] | None = None) -> None:
        self._systems = {s.name: s for s in systems}
        self._routes: dict[str, list[Route]] = {s.name: s.routes() for s in systems}
        self._clocks = {s.name: now for s in systems}
        self._latest = dict(self._clocks)
        self._lock = threading.Lock()
        self.faults = FaultPlan(list(faults or ()))
        self.root = ""

    def set_clock(self, system: str, now: datetime) -> None:
        """Move a system's clock; files are written up to it, and never taken back.

        Raises:
            KeyError: no such system.
            ValueError: `now` has no time zone.
        """
        if now.tzinfo is None:
            raise ValueError(f"{now} has no time zone; give an aware instant")
        if system not in self._clocks:
            raise KeyError(f"no system {system!r}; there are {', '.join(sorted(self._clocks))}")
        with self._lock:
            self._clocks[system] = now.astimezone(UTC)
            if now >= self._latest[system]:
                self._latest[system] = now
                self._systems[system].advance(now.astimezone(UTC))

    def clock(self, system: str) -> datetime:
        """A system's virtual instant."""
        return self._clocks[system]

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[Response, datetime]:
        """The answer to one request and the virtual instant of the system that gave it."""
        path, _, query = target.partition("?")
        _, name, rest = [*path.split("/", 2), "", ""][:3]
        if name == "_simulation":
            return self._control(method, rest, body), datetime.now(UTC)
        if name not in self._routes:
            return _NOT_FOUND, datetime.now(UTC)
        now = self._clocks[name]
        rest = "/" + rest
        for route in self._routes[name]:
            if route.method == method or (method == "HEAD" and route.method == "GET"):
                found = route.pattern.fullmatch(rest)
                if found:
                    params = {k: unquote(v) for k, v in found.groupdict().items() if v is not None}
                    asked = dict(parse_qsl(query, keep_blank_values=True))
                    base = f"{self.root}/{name}"
                    request = Request(method, rest, params, asked, headers, body, now, base, lambda: self._clocks[name])
                    return _conditional(route.handler(request), headers), now
        return _NOT_FOUND, now

    def _control(self, method: str, what: str, body: bytes) -> Response:
        if method == "POST" and what == "clock":
            try:
                asked = json.loads(body)
                self.set_clock(asked["system"], datetime.fromisoformat(asked["now"]))
            except (ValueError, KeyError, TypeError) as error:
                return json_response({"message": f"clock not moved: {error}"}, 400)
        return json_response({name: now.isoformat() for name, now in self._clocks.items()})


def _conditional(response: Response, headers: dict[str, str]) -> Response:
    """304 without a body where the caller already has this ETag."""
    tag = response.headers.get("ETag")
    asked = headers.get("if-none-match")
    if tag and asked and response.status == HTTPStatus.OK and tag in asked:
        return Response(304, b"", response.headers, response.content_type)
    return response


class Server:
    """A `Site` on a loopback port (0 = any free one)."""

    def __init__(self, site: Site, port: int = 0) -> None:
        self.site = site
        self._server = _Threads(("127.0.0.1", port), lambda *a: _Connection(*a, site=site))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        site.root = self.url

    def start(self) -> None:
        """Serve until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, close what is open and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.close_all()
        self._server.server_close()


class _Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: Callable[..., socketserver.BaseRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if isinstance(request, socket.socket):
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            self._open.discard(request)
        super().shutdown_request(request)

    def close_all(self) -> None:
        """Break off the connections that clients keep alive."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was faster


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    wbufsize = 0

    def __init__(self, *args: object, site: Site) -> None:
        self._site = site
        super().__init__(*args)  # type: ignore[arg-type]  # socketserver passes request, address and server

    def handle(self) -> None:
        try:
            while self._one():
                pass
        except (ConnectionError, TimeoutError):
            return  # the client went away; there is nobody left to tell

    def _one(self) -> bool:
        line = self.rfile.readline(_MAX_LINE).decode("latin-1").split()
        if len(line) != 3:  # noqa: PLR2004 - method, target, version
            return False
        method, target, _ = line
        headers = self._headers()
        length = int(headers.get("content-length", "0"))
        if headers.get("expect", "").lower() == "100-continue":
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(length) if length else b""
        response, now = self._site.answer(method, target, headers, body)
        fault = self._site.faults.strike(target)
        if fault:
            if fault.kind == "reset":
                return False
            if fault.kind == "slow":
                time.sleep(fault.seconds)
            response = spoil(fault, response)
        keep = headers.get("connection", "").lower() != "close"
        if response.stream is not None:
            self._send_stream(response, now)
            return False
        data = b"" if method == "HEAD" else response.body
        head = _head(response, now, [f"Content-Length: {len(response.body)}"], keep=keep)
        if fault and fault.kind == "truncated":
            self.connection.sendall(head + data[: len(data) // 2])
            return False
        self.connection.sendall(head + data)
        return keep

    def _headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while True:
            line = self.rfile.readline(_MAX_LINE).decode("latin-1").rstrip("\r\n")
            if not line:
                return found
            name, _, value = line.partition(":")
            found[name.lower()] = value.strip()

    def _send_stream(self, response: Response, now: datetime) -> None:
        self.connection.sendall(_head(response, now, ["Transfer-Encoding: chunked"], keep=False))
        for piece in response.stream or ():
            self.connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.connection.sendall(b"0\r\n\r\n")


def _head(response: Response, now: datetime, extra: list[str], *, keep: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Unknown')}",
        f"Date: {format_datetime(now, usegmt=True)}",
        f"Content-Type: {response.content_type}",
        f"Connection: {'keep-alive' if keep else 'close'}",
        *(f"{name}: {value}" for name, value in response.headers.items()),
        *(extra if response.status != HTTPStatus.NOT_MODIFIED else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
