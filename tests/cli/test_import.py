"""`evidence import`: files become rows and counts; nothing in a file makes it fail."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from cli import corpora
from cli.main import main
from warehouse.importing import take_files
from warehouse.open import open_home

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 10, 20, tzinfo=UTC)
COUNTS = ("received", "stored", "versions", "duplicate", "conflict", "quarantined")
EVENT = {"_document_id": "a", "action": "repo.access", "created_at": 1782900000000}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration, made the working directory."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "."]) == 0
    return tmp_path


def lines(*records: dict[str, Any]) -> str:
    """NDJSON."""
    return "".join(json.dumps(record) + "\n" for record in records)


def imported(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """What `import --json` prints."""
    capsys.readouterr()
    assert main(["import", "--json", *arguments]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_the_array_has_an_object_per_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the contract's keys; stored includes versions; each file balances; the alias is accepted."""
    (home / "one.jsonl").write_text(lines(EVENT, EVENT, EVENT | {"action": "repo.destroy"}) + '{"cut": ')
    (home / "two.json").write_text(json.dumps([EVENT, EVENT | {"_document_id": "b"}]))
    first, second = imported(capsys, "gh.audit", "one.jsonl", "two.json")
    assert first == {"stream": "github.audit_log", "file": "one.jsonl", "received": 4, "stored": 1, "versions": 0,
                     "duplicate": 1, "conflict": 1, "quarantined": 1}  # fmt: skip
    assert [second[name] for name in COUNTS] == [2, 1, 0, 1, 0, 0]


def test_the_same_file_again_changes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is taken once; the counts are those of the first time."""
    (home / "one.jsonl").write_text(lines(EVENT))
    assert imported(capsys, "github.audit_log", "one.jsonl") == imported(capsys, "github.audit_log", "one.jsonl")


def test_receipts_of_files_are_leaves_of_the_ledger(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each file's once, and those kept before a file that cannot be read too."""
    for name in ("one", "two"):
        (home / f"{name}.jsonl").write_text(lines(EVENT | {"_document_id": name}))
    imported(capsys, "github.audit_log", "one.jsonl")
    imported(capsys, "github.audit_log", "one.jsonl")
    opened = open_home(home / "evidence.yaml", now=NOW)
    files = [(home / name, name) for name in ("two.jsonl", "gone.jsonl")]
    with pytest.raises(FileNotFoundError, match=r"gone\.jsonl"):
        take_files(opened.custody, opened.builder(), "github.audit_log", files, now=NOW, log=opened.log)
    statements = [json.loads(entry) for entry in opened.log.entries(0, opened.log.size)]

    assert [entry["file"] for entry in statements if entry["kind"] == "receipt"] == ["one.jsonl", "two.jsonl"]


def test_a_folder_stands_for_its_files(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of their names, at any depth."""
    for name in ("in/b.json", "in/deep/a.json"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(json.dumps(EVENT | {"_document_id": name}))
    assert [item["file"] for item in imported(capsys, "gh.audit", "in")] == ["in/b.json", "in/deep/a.json"]


def test_what_was_quarantined_is_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With position and reason, for people and for machines."""
    (home / "one.jsonl").write_text(lines(EVENT, EVENT | {"_document_id": "b"}) + '[1]\n{"a": tru}\n')
    (found,) = imported(capsys, "--quarantine", "gh.audit", "one.jsonl")
    offset = len(lines(EVENT, EVENT | {"_document_id": "b"}))
    assert [(item["record"], item["position"]) for item in found["quarantine"]] == [(2, offset), (3, offset + 4)]
    assert main(["import", "--quarantine", "gh.audit", "one.jsonl"]) == 0
    shown = capsys.readouterr().out
    assert f"one.jsonl: record 2 at {offset}: an array where an object is expected" in shown
    assert "Expecting value" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["github.nothing", "x"], "stream 'github.nothing' is not known; known are "),
        (["gh.audit", "missing.json"], "missing.json was to be imported, but is neither a file nor a folder"),
    ],
)
def test_a_wrong_request_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """Exit 2, one screen, and nothing was made."""
    assert main(["import", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(home.rglob("captures"))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a matter of its permissions."""
    (home / "shut.json").write_text("{}")
    (home / "shut.json").chmod(0)
    assert main(["import", "gh.audit", "shut.json"]) == 2
    assert "may not be read" in capsys.readouterr().err


@pytest.mark.slow
def test_every_recorded_file_balances(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Imported alone; received is what `files.csv` counts; most records are stored."""
    out = tmp_path / "corpora.json"
    assert corpora.main([str(shared / "corpora"), "--out", str(out)]) == 0, capsys.readouterr().out[-3000:]
    results = json.loads(out.read_text(encoding="utf-8"))
    assert [item["file"] for item in results] == sorted(item["file"] for item in results)
    assert sum(item["stored"] for item in results) > 0.98 * sum(item["received"] for item in results)
