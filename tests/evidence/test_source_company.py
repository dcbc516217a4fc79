"""File drops: each file whole, once, again when its bytes change; silence where a file was due is a gap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evidence.capture import Window
from evidence.errors import ConfigError, SourceUnavailable
from evidence.sources import company, registry
from tests.evidence.keeping import Keeping

if TYPE_CHECKING:
    from evidence.capture import Outcome

NOW = datetime(2026, 7, 3, 6, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=1), NOW)


def collect(folder: Path, stream: str, keep: Keeping, cursor: dict[str, Any] | None = None, **settings: Any) -> Outcome:
    """One collection."""
    source = company.connect({"folder": str(folder), **settings}, {})
    return source.collect(stream, WINDOW, cursor=cursor or {}, now=NOW, keep=keep)


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("company.workers.jsonl", "company.workers"),
        ("hr.worker-2026-07-02.csv", "company.workers"),
        ("workers.json", "company.workers"),
        ("incidents/july.jsonl", "company.incidents"),
        ("inc_1.json", "company.incidents"),
        ("incidental.json", None),
        ("job_run.jsonl", "company.job_runs"),
        ("identity_link.jsonl", "identity.links"),
        ("nhi.json", "identity.non_human"),
        ("idp.event.2026.jsonl", "idp.events"),
        ("workers.pdf", None),
    ],
)
def test_a_file_belongs_to_the_stream_that_its_name_begins_with(path: str, stream: str | None) -> None:
    """Full name, alias and last word count; a mere common beginning does not."""
    assert company.stream_of(Path(path)) == stream


def test_a_file_is_taken_whole_and_again_when_it_changes(tmp_path: Path) -> None:
    """New and changed bytes are captured; a touched file with the same bytes is not."""
    drop = tmp_path / "hr.worker-1.csv"
    drop.write_bytes(b"worker_id\r\nW1\r\n")
    keep = Keeping()
    first = collect(tmp_path, "company.workers", keep)
    assert [keep.bodies[s.capture] for s in keep.sightings] == [b"worker_id\r\nW1\r\n"]
    drop.touch()
    second = keep.again()
    touched = collect(tmp_path, "company.workers", second, dict(first.cursor))
    assert second.sightings == []
    drop.write_bytes(b"worker_id\r\nW1\r\nW2\r\n")
    third = keep.again()
    collect(tmp_path, "company.workers", third, dict(touched.cursor))
    assert third.requests == ["FILE hr.worker-1.csv"]


def test_a_file_that_is_being_written_is_left_for_the_next_time(tmp_path: Path) -> None:
    """Half a drop is no evidence."""
    (tmp_path / "incidents.jsonl.part").write_text("{")
    (tmp_path / ".incidents.jsonl").write_text("{")
    keep = Keeping()
    collect(tmp_path, "company.incidents", keep)
    assert keep.sightings == []


def test_silence_is_a_gap_where_a_file_is_due(tmp_path: Path) -> None:
    """A stream named in `streams` needs at least one file; others may have none."""
    assert collect(tmp_path, "company.incidents", Keeping()).complete
    outcome = collect(tmp_path, "company.workers", Keeping(), streams=["hr.worker"])
    assert not outcome.complete
    assert outcome.gaps[0].cause == "no file of company.workers was ever dropped into the folder"


def test_a_file_that_no_stream_takes_is_counted(tmp_path: Path) -> None:
    """A misnamed drop does not vanish silently."""
    (tmp_path / "wrokers.csv").write_text("x")
    assert collect(tmp_path, "company.workers", Keeping()).totals == {"files": 0, "files that no stream takes": 1}


def test_a_missing_folder_is_not_an_empty_one(tmp_path: Path) -> None:
    """An unmounted share must not look like a quiet day."""
    with pytest.raises(SourceUnavailable, match="there is no such folder"):
        collect(tmp_path / "drops", "company.workers", Keeping())


def test_settings_are_checked(tmp_path: Path) -> None:
    """An unknown stream is said with the ones there are."""
    with pytest.raises(ConfigError, match=r"no stream 'hr\.wroker'; there are company\.workers"):
        company.connect({"folder": str(tmp_path), "streams": ["hr.wroker"]}, {})


def test_every_source_is_found_by_its_folder() -> None:
    """A module in the folder is a source: its name, its streams and how to connect."""
    assert {"company", "github", "kubernetes", "terraform", "vault"} <= set(registry.names())
    for name in registry.names():
        module = registry.connector(name)
        assert name == module.NAME
        assert len({stream.name for stream in module.STREAMS}) == len(module.STREAMS) > 0
    with pytest.raises(ConfigError, match="there is no source 'gitlab'"):
        registry.connector("gitlab")
