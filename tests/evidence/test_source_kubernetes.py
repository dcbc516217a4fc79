"""The Kubernetes connector: objects page by page and watched, the audit log as file and as batches."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from evidence.capture import Window
from evidence.errors import ConfigError, SourceRejected, SourceUnavailable
from evidence.sources import kubernetes
from evidence.sources._patience import Patience
from tests.evidence.keeping import Keeping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from evidence.sources.base import Source

NOW = datetime(2026, 7, 3, 6, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(minutes=50), NOW)
TOKEN = "k8s-secret-token"


class ApiServer:
    """An API server with five Events in pages of two, which may fail as planned."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.plan: Callable[[int, str], int] = lambda _number, _path: 200
        self.watched = [json.dumps({"type": "ADDED", "object": event(n)}) for n in (6, 7)]
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        status = self.plan(len(self.asked), handler.path)
        self.asked.append(handler.path)
        if handler.headers["Authorization"] != f"Bearer {TOKEN}":
            status = 401
        if status == 0:
            handler.close_connection = True
            handler.connection.close()
        elif query.get("watch"):
            send(handler, status, ("\n".join([*self.watched, '{"type":"ADD'])).encode())
        elif status == 299:
            send(handler, 200, b"<html>")
        else:
            send(handler, status, json.dumps(page(url.path, query)).encode())


def event(number: int) -> dict[str, Any]:
    """One object."""
    return {"metadata": {"uid": f"u{number}", "resourceVersion": str(100 + number)}}


def page(path: str, query: dict[str, str]) -> dict[str, Any]:
    """One page of a listing."""
    start = int(query.get("continue", "0"))
    items = [event(n) for n in range(5)]
    more = {"continue": str(start + 2)} if start + 2 < len(items) else {}
    kind = path.rpartition("/")[2]
    return {"kind": f"{kind}List", "metadata": {"resourceVersion": "500", **more}, "items": items[start : start + 2]}


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    """Send one whole answer."""
    handler.send_response_only(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """It, on loopback."""
    made = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

        def do_GET(self) -> None:
            made.answer(self)

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    made.url = f"http://127.0.0.1:{http.server_port}"
    yield made
    http.shutdown()
    http.server_close()
    thread.join()


def connect(server: ApiServer, **settings: Any) -> Source:
    """The connector for objects."""
    patience = Patience(sleep=lambda _: None, attempts=4)
    return kubernetes.connect({"url": server.url, **settings}, {"KUBERNETES_TOKEN": TOKEN}, patience=patience)


def collect(asked: Source, stream: str, keep: Keeping, cursor: dict[str, Any] | None = None) -> Any:
    """One collection."""
    return asked.collect(stream, WINDOW, cursor=cursor or {}, now=NOW, keep=keep)


def items(keep: Keeping) -> list[str]:
    """The uids of every listed object, page by page."""
    bodies = [json.loads(keep.bodies[s.capture]) for s in keep.usable() if "watch" not in s.request]
    return [item["metadata"]["uid"] for body in bodies for item in body["items"]]


def test_every_page_of_a_listing_is_kept_as_received(server: ApiServer) -> None:
    """Pages follow `continue`; a capture is the body on the wire."""
    keep = Keeping()
    outcome = collect(connect(server), "kubernetes.events", keep)
    assert items(keep) == ["u0", "u1", "u2", "u3", "u4"]
    assert keep.bodies[keep.sightings[0].capture] == json.dumps(page("/api/v1/events", {})).encode()
    assert outcome.complete
    assert TOKEN not in json.dumps([s.as_json() for s in keep.sightings])


@pytest.mark.parametrize("fault", [0, 299, 429, 500, 503])
def test_each_fault_at_each_page_is_survived(server: ApiServer, fault: int) -> None:
    """A broken connection, HTML, too many requests or an error cost an attempt, not a record."""
    for broken in range(3):
        server.asked = []
        server.plan = lambda number, _path, broken=broken: fault if number == broken else 200  # type: ignore[misc]
        keep = Keeping()
        collect(connect(server), "kubernetes.events", keep)
        assert items(keep) == ["u0", "u1", "u2", "u3", "u4"]
        assert any("retried" in s.response for s in keep.usable())


def test_an_expired_listing_is_asked_again_from_the_start(server: ApiServer) -> None:
    """410 in the middle means that the pages no longer fit together; for ever 410 is told."""
    server.plan = lambda number, _path: 410 if number == 1 else 200
    keep = Keeping()
    collect(connect(server), "kubernetes.events", keep)
    assert items(keep)[2:] == ["u0", "u1", "u2", "u3", "u4"]
    server.plan = lambda _number, path: 410 if "continue" in path else 200
    with pytest.raises(SourceUnavailable, match="expired 3 times"):
        collect(connect(server), "kubernetes.events", Keeping())


def test_a_watch_goes_on_from_the_listing_and_ends(server: ApiServer) -> None:
    """The bounded watch keeps whole lines from the listing's version on; half a line waits for the next listing."""
    keep = Keeping()
    collect(connect(server, watch_seconds=1), "kubernetes.events", keep)
    watch = next(s for s in keep.sightings if "watch" in s.request)
    assert keep.bodies[watch.capture].decode().splitlines() == server.watched
    assert watch.request == "GET /api/v1/events?watch=true&resourceVersion=500"
    server.plan = lambda _number, path: 410 if "watch" in path else 200
    assert collect(connect(server, watch_seconds=1), "kubernetes.events", Keeping()).complete


def test_snapshots_list_every_kind_with_the_time_of_asking(server: ApiServer) -> None:
    """Access rules are four kinds, of the namespaces asked or of all."""
    keep = Keeping()
    collect(connect(server, namespaces=["production"]), "kubernetes.rbac", keep)
    root = "GET /apis/rbac.authorization.k8s.io/v1"
    assert sorted({s.request.partition("?")[0] for s in keep.sightings}) == [
        f"{root}/clusterrolebindings",
        f"{root}/clusterroles",
        f"{root}/namespaces/production/rolebindings",
        f"{root}/namespaces/production/roles",
    ]
    pods = Keeping()
    collect(connect(server), "kubernetes.pods", pods)
    assert {json.dumps(s.context) for s in pods.sightings} == {'{"_as_of": "2026-07-03T06:00:00Z"}'}


def test_events_that_expired_before_they_were_collected_are_a_gap(server: ApiServer) -> None:
    """Events live an hour: what lies between the last collection and an hour ago is lost."""
    source = connect(server)
    day = Window(NOW - timedelta(hours=6), NOW)
    first = source.collect("kubernetes.events", day, cursor={}, now=NOW, keep=Keeping())
    assert [(g.start, g.end) for g in first.gaps] == [(day.start, NOW - timedelta(hours=1))]
    cursor = {"asked_at": "2026-07-03T05:30:00Z"}
    assert source.collect("kubernetes.events", day, cursor=cursor, now=NOW, keep=Keeping()).gaps == ()


def test_a_refusal_names_the_verbs(server: ApiServer) -> None:
    """403 is not retried; the message says what to bind."""
    server.plan = lambda _number, _path: 403
    with pytest.raises(SourceRejected, match=r"pods.*403.*list and watch"):
        collect(connect(server), "kubernetes.pods", Keeping())
    assert len(server.asked) == 1


def test_patience_ends(server: ApiServer) -> None:
    """An API server that never answers makes the source unavailable."""
    server.plan = lambda _number, _path: 503
    with pytest.raises(SourceUnavailable, match="4 attempts"):
        collect(connect(server), "kubernetes.pods", Keeping())


def test_audit_comes_from_files_and_batches(tmp_path: Path) -> None:
    """The log is read on, a batch is taken once, and neither is asked of the API server."""
    log, batches = tmp_path / "audit.log", tmp_path / "batches"
    batches.mkdir()
    log.write_text('{"auditID":"1"}\n{"auditID":"2"}\n')
    (batches / "b1.json").write_text('{"kind":"EventList","items":[]}')
    (batches / "b2.json.part").write_text('{"kind":')
    asked = kubernetes.connect({"audit": {"logs": [str(log)], "batches": str(batches)}}, {})
    assert [stream.name for stream in asked.streams] == ["kubernetes.audit"]
    keep = Keeping()
    outcome = collect(asked, "kubernetes.audit", keep)
    assert keep.requests == ["FILE audit.log", "FILE b1.json"]
    log.write_text(log.read_text() + '{"auditID":"3"}\n')
    again = keep.again()
    collect(asked, "kubernetes.audit", again, outcome.cursor)
    assert [again.bodies[s.capture] for s in again.sightings] == [b'{"auditID":"3"}\n']


def test_settings_are_checked() -> None:
    """A source that would collect nothing, or a kubeconfig that is not there, is said at once."""
    with pytest.raises(ConfigError, match="set `url` or `kubeconfig`"):
        kubernetes.connect({}, {})
    with pytest.raises(ConfigError, match="KUBERNETES_TOKEN is empty"):
        kubernetes.connect({"url": "https://k8s.example"}, {})
    with pytest.raises(ConfigError, match="no-such-file"):
        kubernetes.connect({"kubeconfig": "no-such-file"}, {})
    only_log = kubernetes.connect({"audit": {"logs": ["audit.log"]}}, {})
    with pytest.raises(ConfigError, match=r"not set up for 'kubernetes\.pods'"):
        collect(only_log, "kubernetes.pods", Keeping())
