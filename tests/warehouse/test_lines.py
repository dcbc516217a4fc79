"""Large NDJSON read in place: the very tables that the careful way makes, whatever the lines hold."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from evidence.custody import Custody
from evidence.stores.file import FileStore
from warehouse import lines
from warehouse.build import Builder, Counts
from warehouse.connect import connect
from warehouse.lake import Lake
from warehouse.staging import Staging

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 7, 2, tzinfo=UTC)
TABLES = {"github.audit_log": "github_audit_log", "kubernetes.audit": "kubernetes_audit"}

LEAVES = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
KEYS = st.sampled_from(
    ["_document_id", "action", "created_at", "@timestamp", "repo", "auditID", "stage", "verb", "items", "log", "_fetch"]
)
EVENTS = st.dictionaries(KEYS, st.sampled_from(["a", "b"]) | VALUES, max_size=6)
ODDITIES = st.sampled_from(
    ["", "  ", "5", "null", "[1]", '"{}"', '{"a": 1', "{'a': 1}", '{"a": 1,}', '{"a": NaN}', '{"a": "\\ud800"}',
     '{"a": "\x01"}', "\x01", '{"a": "\x00"}', "\ufeff", '{"auditID": "a"}\r', '  {"auditID": "a"}  ', '{"a":1}{"b":2}',
     '{"a":1}\r{"b":2}', '{"items": [{"auditID": "x"}, {"auditID": "y"}]}', '{"items": []}', "\x0b{}", "x,y"]
)  # fmt: skip


def built(folder: Path, stream: str, data: bytes, *, in_place: bool) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table after importing one file, either way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "LINES_FROM", 0 if in_place else 1 << 60)
        patch.setattr(lines, "BLOCKS_FROM", 0)
        custody = Custody(FileStore(folder / "locker"), collector={"name": "test"})
        (folder / "scratch").mkdir(parents=True)
        (folder / "redaction.key").write_text("00" * 32, encoding="ascii")
        lake = Lake(folder / "lake")
        path = folder / "file"
        path.write_bytes(data)
        custody.keep_file(stream, path, name="file", now=NOW)
        builder = Builder(custody, lake, zone="UTC", scratch=folder / "scratch")
        assert all(counts.balanced for counts in builder.build([stream]).values())
        con = connect(lake)
        names = (TABLES[stream], "evidence_conservation", "evidence_quarantine")
        return {name: con.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("stream", TABLES)
@given(events=st.lists(EVENTS.map(json.dumps) | ODDITIES, max_size=8))
@settings(
    max_examples=25, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)  # shrinking takes minutes
@example(events=['{"auditID": "a", "stage": "x"}', '{"auditID": "b", "stage": "x"}', '{"auditID": "a", "stage": "y"}'])
@example(events=["{}", "\x0b{}"])
@example(events=['{"auditID": "a"}', '{"auditID": "b"}', '{"items": [{"auditID": "c"}]}', '{"kind": 0}'])
def test_both_ways_make_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, stream: str, events: list[str]
) -> None:
    """A line is the same record, or quarantined with the same reason and position."""
    head = ['{"auditID": "first", "_document_id": "first"}', '{"auditID": "second", "_document_id": "second"}']
    data = "\n".join([*head, *events]).encode("utf-8", "surrogatepass")
    folder = tmp_path_factory.mktemp("home")
    assert built(folder / "a", stream, data, in_place=True) == built(folder / "b", stream, data, in_place=False)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda data: pa.compress(data, "zstd", asbytes=True)])
def test_lines_are_numbered_as_they_stand(tmp_path: Path, pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record number leads to the line, in a file of many reading buffers too, packed or not."""
    monkeypatch.setattr(lines, "LINES_FROM", 0)
    texts = [json.dumps({"_document_id": f"id-{n}", "action": "x" * (n % 700)}) for n in range(40_000)]
    (tmp_path / "scratch").mkdir()
    (tmp_path / "file").write_bytes(pack("\n".join(texts).encode()))
    custody = Custody(FileStore(tmp_path / "locker"), collector={"name": "test"})
    custody.keep_file("github.audit_log", tmp_path / "file", name="file", now=NOW)
    lake = Lake(tmp_path / "lake")
    done = Builder(custody, lake, zone="UTC", scratch=tmp_path / "scratch").build(["github.audit_log"])
    assert done == {"github.audit_log": Counts(received=40_000, stored=40_000)}
    wrong = "SELECT count(*) FROM github_audit_log WHERE document_id <> 'id-' || record"
    assert connect(lake).execute(wrong).fetchone() == (0,)


def test_lines_that_are_in_order_are_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain lines are read where they lie: nothing goes through the splitter."""
    monkeypatch.setattr(lines, "LINES_FROM", 0)
    split: list[list[str]] = []
    monkeypatch.setattr(Staging, "_split", lambda _, captures: split.append(list(captures)))
    (tmp_path / "file").write_text('{"_document_id": "a"}\n{"_document_id": "b"}\n{"_document_id": "c"}\n')
    custody = Custody(FileStore(tmp_path / "locker"), collector={"name": "test"})
    custody.keep_file("github.audit_log", tmp_path / "file", name="file", now=NOW)
    done = Builder(custody, Lake(tmp_path / "lake"), zone="UTC", scratch=tmp_path).build(["github.audit_log"])
    assert done["github.audit_log"].stored == 3
    assert not any(split)
