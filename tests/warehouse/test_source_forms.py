"""Every form in which the five systems and their shippers write records: each is read, record by record."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from evidence.custody import Custody
from evidence.stores.file import FileStore
from warehouse.build import Builder, Counts
from warehouse.connect import connect
from warehouse.importing import take_files
from warehouse.lake import Lake
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 7, 2, tzinfo=UTC)
AUDIT, KUBERNETES, VAULT, STATES = "github.audit_log", "kubernetes.audit", "vault.audit", "terraform.states"

EVENTS = [{"_document_id": f"d{n}", "action": "repo.access", "created_at": 1782864000000 + n} for n in range(3)]
CALLS = [
    {"auditID": f"k{n}", "stage": "ResponseComplete", "verb": "get", "stageTimestamp": "2026-07-01T00:00:00.123456Z"}
    for n in range(3)
]
LINES = [json.dumps(event) for event in EVENTS]
DOUBLED = [line.replace('"', '""') for line in LINES]
EVENT_LIST = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": CALLS}
AKS = {"records": [{"category": "kube-audit", "properties": {"log": json.dumps(call)}} for call in CALLS]}
AKS_OBJECT = {"records": [{"category": "kube-audit", "properties": {"log": call}} for call in CALLS]}
GKE = [
    {
        "insertId": f"g{n}", "timestamp": "2026-07-01T00:00:00.5Z", "protoPayload": {
            "methodName": "io.k8s.core.v1.pods.create", "resourceName": "core/v1/namespaces/a/pods/b",
            "authenticationInfo": {"principalEmail": "ada@example.test"},
        },
    }
    for n in range(3)
]  # fmt: skip
EKS = {
    "logGroup": "/aws/eks/c/cluster",
    "logEvents": [{"id": f"{n}", "message": json.dumps(CALLS[n])} for n in range(3)],
}

FORMS: dict[str, tuple[str, bytes]] = {
    "array": (AUDIT, json.dumps(EVENTS).encode()),
    "pretty array": (AUDIT, json.dumps(EVENTS, indent=2).encode()),
    "NDJSON": (AUDIT, "\n".join(LINES).encode() + b"\n"),
    "NDJSON without a last newline": (AUDIT, "\n".join(LINES).encode()),
    "NDJSON with CRLF": (AUDIT, "\r\n".join(LINES).encode() + b"\r\n"),
    "NDJSON with blank lines": (AUDIT, "\n\n".join(LINES).encode() + b"\n\n"),
    "byte-order mark": (AUDIT, b"\xef\xbb\xbf" + "\n".join(LINES).encode()),
    "UTF-16": (AUDIT, "\n".join(LINES).encode("utf-16")),
    "gzip": (AUDIT, gzip.compress("\n".join(LINES).encode())),
    "gzip in members": (AUDIT, b"".join(gzip.compress(line.encode() + b"\n") for line in LINES)),
    "zstd": (AUDIT, pa.compress("\n".join(LINES).encode(), "zstd", asbytes=True)),
    "pretty documents one after the other": (AUDIT, "\n".join(json.dumps(e, indent=2) for e in EVENTS).encode()),
    "documents without a separator": (AUDIT, "".join(LINES).encode()),
    "JSON in a JSON string": (AUDIT, json.dumps(json.dumps(EVENTS)).encode()),
    "NDJSON in a JSON string": (AUDIT, json.dumps("\n".join(LINES)).encode()),
    "CSV with a column of JSON": (
        AUDIT, "\n".join(["id,data", *(f'{n},"{line}"' for n, line in enumerate(DOUBLED))]).encode(),
    ),
    "Kubernetes NDJSON": (KUBERNETES, "\n".join(map(json.dumps, CALLS)).encode()),
    "Kubernetes EventList": (KUBERNETES, json.dumps(EVENT_LIST).encode()),
    "Kubernetes EventLists, one a line": (
        KUBERNETES, "\n".join(json.dumps({**EVENT_LIST, "items": [call]}) for call in CALLS).encode(),
    ),
    "AKS, the log as a string": (KUBERNETES, json.dumps(AKS).encode()),
    "AKS, the log as an object": (KUBERNETES, json.dumps(AKS_OBJECT).encode()),
    "AKS, one record a line": (KUBERNETES, "\n".join(json.dumps(record) for record in AKS["records"]).encode()),
    "GKE": (KUBERNETES, json.dumps(GKE).encode()),
    "EKS": (KUBERNETES, json.dumps(EKS).encode()),
}  # fmt: skip


def built(folder: Path, stream: str, data: bytes) -> tuple[Counts, list[dict[str, Any]]]:
    """The counts of a file, and the rows that it became."""
    (folder / "file").write_bytes(data)
    custody = Custody(FileStore(folder / "locker"), collector={"name": "tests"})
    builder = Builder(custody, Lake(folder / "lake"), zone="UTC", scratch=folder)
    (taken,) = take_files(custody, builder, stream, [(folder / "file", "file")], now=NOW)
    cursor = connect(Lake(folder / "lake")).execute(f"FROM {sheets()[stream].table} ORDER BY record")
    names = [column[0] for column in cursor.description]
    return taken.counts, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_its_records(tmp_path: Path, form: str) -> None:
    """Three records, each with its own key, in their order; nothing in quarantine."""
    stream, data = FORMS[form]
    counts, rows = built(tmp_path, stream, data)

    assert counts == Counts(received=3, stored=3)
    marks = {AUDIT: "document_id", KUBERNETES: "audit_id"}
    names = [str(row[marks[stream]]) for row in rows]
    assert [name[-1] for name in names] == ["0", "1", "2"]


def test_old_kubernetes_versions_are_read(tmp_path: Path) -> None:
    """v1beta1 and the form before it have one time only; `apiVersion` may stand on the list alone."""
    old = [
        {"auditID": "a", "stage": "ResponseComplete", "verb": "get", "timestamp": "2017-06-01T00:00:00Z"},
        {
            "auditID": "b", "stage": "ResponseComplete", "verb": "get", "timestamp": "2018-06-01T00:00:00Z",
            "apiVersion": "audit.k8s.io/v1beta1", "metadata": {"creationTimestamp": "2018-06-01T00:00:00Z"},
        },
    ]  # fmt: skip
    _, rows = built(tmp_path, KUBERNETES, json.dumps({"kind": "EventList", "items": old}).encode())

    assert [row["stage_time"].year for row in rows] == [2017, 2018]


def test_mixed_types_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    """A field of another type than last time empties a column and loses no record: the capture keeps it."""
    mixed: list[dict[str, Any]] = [
        {"_document_id": "a", "action": "hook.create", "created_at": "2026-07-01T00:00:00Z", "actor": {"login": "x"}},
        {"_document_id": "b", "action": "hook.create", "@timestamp": 1782864000000, "events": ["push"]},
        {"_document_id": "c", "action": "hook.create", "created_at": 1782864000000, "events": [{"name": "push"}]},
        {"_document_id": "d", "action": None, "created_at": None, "actor": "", "actor_id": 0},
    ]
    counts, rows = built(tmp_path, AUDIT, json.dumps(mixed).encode())

    assert counts == Counts(received=4, stored=4)
    assert [row["document_id"] for row in rows] == ["a", "b", "c", "d"]


def test_a_nul_in_a_string_is_kept(tmp_path: Path) -> None:
    """An escaped NUL is text like any other, which some databases refuse."""
    line = b'{"_document_id": "a\\u0000b", "action": "repo.access", "created_at": 1782864000000}'
    counts, rows = built(tmp_path, AUDIT, line)

    assert (counts.stored, rows[0]["document_id"]) == (1, "a\x00b")


def test_integers_beyond_2_53_keep_their_digits(tmp_path: Path) -> None:
    """Two states that differ in such a number are two contents, not a duplicate."""
    state = '{"version": 4, "serial": 1, "lineage": "l", "outputs": {"n": {"value": %d}}, "resources": []}'
    texts = [state % 9007199254740993, state % 9007199254740992]
    counts, _ = built(tmp_path, STATES, ("[" + ",".join(texts) + "]").encode())

    assert (counts.stored, counts.conflict, counts.duplicate) == (1, 1, 0)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("2026-07-01T00:00:00Z", 0), ("2026-07-01T00:00:00.5Z", 500_000_000),
        ("2026-07-01T00:00:00.04360893Z", 43_608_930), ("2026-07-01T00:00:00.123456789Z", 123_456_789),
        ("2026-07-01T08:00:00.000000001+08:00", 1),
    ],
)  # fmt: skip
def test_nanoseconds_are_kept(tmp_path: Path, text: str, nanoseconds: int) -> None:
    """Zero to nine digits of a fraction, trailing zeros cut, any offset: an instant, and the integer beside it."""
    line = {"time": text, "type": "request", "request": {"id": "r"}}
    _, rows = built(tmp_path, VAULT, json.dumps(line).encode())

    second = 1_782_864_000 * 10**9
    assert rows[0]["event_ns"] == second + nanoseconds
    assert rows[0]["event_time"].timestamp() == pytest.approx((second + nanoseconds) / 1e9, abs=1e-6)


def test_unknown_fields_are_kept_and_told(tmp_path: Path) -> None:
    """What no column reads stays in the capture, and in the audit log's own copy of the event."""
    event = {**EVENTS[0], "surprise": {"deep": [1]}}
    _, rows = built(tmp_path, AUDIT, json.dumps(event).encode())

    assert json.loads(rows[0]["fields"])["surprise"] == {"deep": [1]}
