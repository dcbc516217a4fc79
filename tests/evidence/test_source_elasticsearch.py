"""The Elasticsearch connector on a stand-in for Elasticsearch (noida-db speaks its API; it is not the real server)."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import sysconfig
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import noida_db  # type: ignore[import-untyped]
import pytest
from elastic_transport import ApiResponseMeta, ConnectionTimeout, HttpHeaders, TransportError, Urllib3HttpNode
from elasticsearch import Elasticsearch

from evidence.capture import Window
from evidence.errors import ConfigError, SourceRejected, SourceUnavailable
from evidence.sources import elasticsearch
from evidence.sources._patience import Patience
from tests.evidence.keeping import Keeping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evidence.sources.base import Source

NOW = datetime(2026, 7, 3, 6, tzinfo=UTC)
WINDOW = Window(datetime(2026, 7, 2, tzinfo=UTC), datetime(2026, 7, 3, tzinfo=UTC))
STREAM = "elasticsearch.github_audit_log"
PAGES = 4  # of three: ten documents of the day
_PATIENCE = 15  # seconds


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The stand-in with ten documents of the day and one of the next."""
    program = Path(noida_db.__file__).with_name("noida-db")
    if not program.exists() or shutil.which("noida-db", path=sysconfig.get_path("scripts")) is None:
        pytest.skip("no `noida-db` program: install the development extra (noida-db)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("noida")
    options = ("--data-dir", str(folder), "--only", "elasticsearch", "--elasticsearch-port", str(port))
    server = subprocess.Popen([program, "start", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _fill(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _fill(address: str) -> None:
    client = Elasticsearch(address)
    until = time.monotonic() + _PATIENCE
    while not client.ping():
        assert time.monotonic() < until, f"the stand-in did not answer within {_PATIENCE} s"
        time.sleep(0.05)
    for number in range(11):
        at = WINDOW.start + timedelta(hours=2.4 * number)  # three and three share no time, the last is the next day's
        original = {"_document_id": f"doc{number}", "action": "repo.access"}
        document = {"@timestamp": at.isoformat(), "event": {"original": json.dumps(original)}}
        client.index(index=f"logs-github-{number % 2}", id=f"d{number}", document=document)
    client.indices.refresh(index="logs-github-*")
    client.close()


def connect(address: str, *, days: int = 365, index: str = "logs-github-*", attempts: int = 4) -> Source:
    """The connector, with pages of three."""
    given = {"url": address, "streams": {"github.audit_log": {"index": index, "retention_days": days}}}
    patience = Patience(sleep=lambda _: None, attempts=attempts)
    source = elasticsearch.connect(given, {}, patience=patience)
    source._page = 3  # type: ignore[attr-defined]
    return source


def collect(source: Source, keep: Keeping) -> Any:
    """One collection."""
    outcome = source.collect(STREAM, WINDOW, cursor={}, now=NOW, keep=keep)
    source.close()
    return outcome


def originals(keep: Keeping) -> list[str]:
    """The ids of the shipped records, in order of time."""
    pages = [json.loads(keep.bodies[s.capture]) for s in keep.usable()]
    hits = [hit for page in pages for hit in page["hits"]["hits"]]
    return [json.loads(hit["_source"]["event"]["original"])["_document_id"] for hit in hits]


_FAULTS: dict[str, tuple[int, bytes] | Exception] = {
    "timeout": ConnectionTimeout("timed out"),
    "reset": TransportError("connection reset"),
    "html": (200, b"<html>"),
    "cut": (200, b'{"hits":{"to'),
    "shards": (200, b'{"_shards":{"failed":1},"hits":{"total":{"value":0},"hits":[]}}'),
    "429": (429, b'{"error":"busy"}'),
    "503": (503, b'{"error":"unavailable"}'),
    "expired": (404, b'{"error":{"reason":"No search context found for id [1]"},"status":404}'),
    "403": (403, b'{"error":"security_exception"}'),
}


def break_request(patched: pytest.MonkeyPatch, broken: int, fault: str) -> None:
    """Let the request of that number, from 0, end in a fault."""
    original, numbers = Urllib3HttpNode.perform_request, itertools.count()

    def perform(node: Urllib3HttpNode, *args: Any, **named: Any) -> Any:
        answer = original(node, *args, **named)
        if next(numbers) != broken:
            return answer
        planned = _FAULTS[fault]
        if isinstance(planned, Exception):
            raise planned
        kind = "text/html" if fault == "html" else "application/json"
        headers = HttpHeaders({"content-type": kind, "x-elastic-product": "Elasticsearch"})
        return type(answer)(ApiResponseMeta(planned[0], "1.1", headers, 0.0, node.config), planned[1])

    patched.setattr(Urllib3HttpNode, "perform_request", perform)


@pytest.mark.server
def test_every_document_of_the_window_is_kept_page_by_page(url: str) -> None:
    """Pages follow `search_after` at one point in time, over all indices of the pattern; totals agree."""
    keep = Keeping()
    outcome = collect(connect(url), keep)
    assert originals(keep) == [f"doc{n}" for n in range(10)]
    assert len(keep.usable()) == PAGES
    assert outcome.totals == {"logs-github-*": 10}
    assert outcome.complete


@pytest.mark.server
@pytest.mark.parametrize("fault", ["timeout", "reset", "html", "cut", "shards", "429", "503"])
def test_each_fault_at_each_request_is_survived(url: str, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """A broken page, or one from which a shard is missing, costs an attempt, not a document."""
    for number in range(1, 1 + PAGES):
        keep, source = Keeping(), connect(url)
        with monkeypatch.context() as patched:
            break_request(patched, number, fault)
            outcome = collect(source, keep)
        assert originals(keep) == [f"doc{n}" for n in range(10)], f"at request {number}"
        assert outcome.complete
        assert any("retried" in s.response for s in keep.sightings)


@pytest.mark.server
def test_a_point_in_time_that_expired_is_opened_anew(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages start again from the first: no document is missing, some are seen twice."""
    keep, source = Keeping(), connect(url)
    break_request(monkeypatch, 3, "expired")
    outcome = collect(source, keep)
    assert sorted(set(originals(keep))) == [f"doc{n}" for n in range(10)]
    assert outcome.complete


@pytest.mark.server
def test_what_the_index_no_longer_keeps_is_a_gap(url: str) -> None:
    """Retention is known: the part of the window before it is told."""
    outcome = collect(connect(url, days=1), Keeping())
    assert [(gap.start, gap.end) for gap in outcome.gaps] == [(WINDOW.start, NOW - timedelta(days=1))]


@pytest.mark.server
def test_fewer_documents_than_counted_are_a_gap(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The total that Elasticsearch counts is reconciled with the distinct documents that it gave."""
    source = connect(url)
    read = source._pages  # type: ignore[attr-defined]
    monkeypatch.setattr(source, "_pages", lambda *a: (read(*a)[0] + 2, read(*a)[1]))
    assert "counts 12 documents, but gave 10" in collect(source, Keeping()).gaps[0].cause


@pytest.mark.server
def test_a_refusal_is_not_retried(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key without privileges, and an index that is not there, are for a person to fix."""
    source = connect(url)
    break_request(monkeypatch, 0, "403")
    with pytest.raises(SourceRejected, match="privileges read"):
        collect(source, Keeping())
    with pytest.raises(SourceRejected, match="no-such-index"):
        collect(connect(url, index="no-such-index"), Keeping())


def test_nobody_at_the_address_is_unavailable() -> None:
    """A cluster that does not answer is asked a bounded number of times."""
    with pytest.raises(SourceUnavailable, match="2 attempts; the last was: ConnectionError"):
        collect(connect("http://127.0.0.1:9", attempts=2), Keeping())


def test_settings_are_checked() -> None:
    """Which records lie where, and for how long, must be told."""
    with pytest.raises(ConfigError, match="streams must map some of"):
        elasticsearch.connect({"url": "http://elk.example:9200", "streams": {"github.pulls": {}}}, {})
    with pytest.raises(ConfigError, match="retention_days must be a whole number"):
        elasticsearch.connect({"url": "http://elk.example:9200", "streams": {"vault.audit": {"index": "v"}}}, {})
    with pytest.raises(ConfigError, match="like https://HOST:9200, found 'elk'"):
        elasticsearch.connect({"url": "elk", "streams": {"vault.audit": {"index": "v", "retention_days": 1}}}, {})
    with_key = {"url": "http://elk.example:9200", "api_key_from": "ELASTIC_KEY"}
    with pytest.raises(ConfigError, match="ELASTIC_KEY is empty"):
        elasticsearch.connect({**with_key, "streams": {"vault.audit": {"index": "v", "retention_days": 1}}}, {})
