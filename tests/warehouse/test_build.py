"""Building: duplicates, versions and conflicts are told apart, all is counted, and doing it twice changes nothing."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.custody import Custody
from evidence.stores.file import FileStore
from warehouse.build import Builder, Counts
from warehouse.connect import connect
from warehouse.lake import Lake
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 7, 2, tzinfo=UTC)
REVIEWS, AUDIT = "github.reviews", "github.audit_log"


class Bench:
    """A locker and a lake in a folder."""

    def __init__(self, folder: Path, lake: str = "lake") -> None:
        self._folder, self._lake = folder, folder / lake
        self.custody = Custody(FileStore(folder / "locker"), collector={"name": "test"})

    def take(self, stream: str, records: list[dict[str, Any]], hour: int = 0) -> None:
        """Keep a file of records as if it had come `hour` hours later."""
        path = self._folder / f"{stream}-{hour}-{random.random()}.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        self.custody.keep_file(stream, path, name=path.name, now=NOW + timedelta(hours=hour))

    def build(self) -> dict[str, Counts]:
        """Build what is pending."""
        scratch = self._folder / "scratch"
        scratch.mkdir(exist_ok=True)
        return Builder(self.custody, Lake(self._lake), zone="UTC", scratch=scratch).build()

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        """Rows of a table, in order."""
        return connect(Lake(self._lake)).execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty one."""
    return Bench(tmp_path)


def review(number: int, state: str = "APPROVED") -> dict[str, Any]:
    """A review as an export holds it."""
    return {"id": number, "state": state, "submitted_at": "2026-07-01T10:00:00Z", "commit_id": "a" * 40}


def event(name: str, action: str = "repo.access") -> dict[str, Any]:
    """An audit event."""
    return {"_document_id": name, "action": action, "created_at": 1782900000000}


def test_the_same_record_again_is_a_duplicate(bench: Bench) -> None:
    """Key order and request context do not make it another one."""
    bench.take(REVIEWS, [review(1), review(2)])
    again = dict(reversed(review(1).items())) | {"_fetch": "second"}
    bench.take(REVIEWS, [again], hour=1)
    assert bench.build()[REVIEWS] == Counts(received=3, stored=2, duplicate=1)


def test_a_mutable_object_that_changed_is_a_version(bench: Bench) -> None:
    """Both are stored; the earlier row is not touched."""
    bench.take(REVIEWS, [review(1)])
    bench.build()
    bench.take(REVIEWS, [review(1, "DISMISSED")], hour=1)
    assert bench.build()[REVIEWS] == Counts(received=1, stored=1, versions=1)
    rows = bench.rows("github_reviews", "review_id, row_status, state")
    assert rows == [(1, "first", "APPROVED"), (1, "version", "DISMISSED")]


def test_an_append_only_record_that_changed_is_a_conflict(bench: Bench) -> None:
    """An audit log does not change its entries: both are kept, and it is reported."""
    bench.take(AUDIT, [event("x"), event("x", "repo.destroy")])
    assert bench.build()[AUDIT] == Counts(received=2, stored=1, conflict=1)
    assert [row[0] for row in bench.rows("github_audit_log", "row_status")] == ["conflict", "first"]


def test_a_bad_line_does_not_take_its_neighbours_along(bench: Bench, tmp_path: Path) -> None:
    """It is quarantined with a reason and its position; the lines around it are stored; all is counted."""
    path = tmp_path / "broken.jsonl"
    path.write_text("\n".join([json.dumps(review(1)), '{"id": ', "[3]", json.dumps(review(2))]))
    bench.custody.keep_file(REVIEWS, path, name=path.name, now=NOW)
    assert bench.build()[REVIEWS] == Counts(received=4, stored=2, quarantined=2)
    held = bench.rows("evidence_quarantine", "record, reason")
    assert [record for record, _ in held] == [1, 2]
    assert all(reason for _, reason in held)


def test_times_out_of_the_ordinary_stop_nothing(bench: Bench) -> None:
    """The first and the last year, none at all, and numbers that are no time: each is stored, in a month or in none."""
    times = [-62135596800000, 253402300799999, None, 10**17, -(10**17), "infinity", 1.5e300, "0002-01-01T00:00:00Z"]
    bench.take(AUDIT, [event(str(n)) | {"created_at": time} for n, time in enumerate(times)])
    assert bench.build()[AUDIT] == Counts(received=8, stored=8)
    years = bench.rows("github_audit_log", "year(event_time), document_id::BIGINT")
    assert years == [(1, 0), (2, 7), (9999, 1), (None, 2), (None, 3), (None, 4), (None, 5), (None, 6)]


def test_building_twice_adds_nothing(bench: Bench) -> None:
    """What is built is not built again."""
    bench.take(REVIEWS, [review(1)])
    assert bench.build()
    assert bench.build() == {}
    assert len(bench.rows("github_reviews", "review_id")) == 1


def test_every_row_names_its_bytes(bench: Bench) -> None:
    """Capture and record lead back to the very text."""
    bench.take(REVIEWS, [review(1), review(2)])
    bench.build()
    for number, capture, record in bench.rows("github_reviews", "review_id, capture, record"):
        lines = bench.custody.store.get(f"captures/{capture[:2]}/{capture}").splitlines()
        assert json.loads(lines[record])["id"] == number


RECORDS = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["APPROVED", "DISMISSED", "COMMENTED"])), max_size=6)


@given(batches=st.lists(RECORDS, min_size=1, max_size=4))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_day_by_day_comes_out_as_from_nothing(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, str]]]
) -> None:
    """Law 2: everything right of the locker can be deleted and rebuilt, and comes out the same; all is conserved."""
    folder = tmp_path_factory.mktemp("home")
    daily, whole = Bench(folder), Bench(folder, "rebuilt")
    for hour, batch in enumerate(batches):
        daily.take(REVIEWS, [review(number, state) for number, state in batch], hour)
        assert all(counts.balanced for counts in daily.build().values())
    whole.build()
    columns = "review_id, state, row_status, capture, record, receipt, natural_key, collected_at"
    assert daily.rows("github_reviews", columns) == whole.rows("github_reviews", columns)
    counted = "stream, receipt, page, received, stored, versions, duplicate, conflict, quarantined"
    assert daily.rows("evidence_conservation", counted) == whole.rows("evidence_conservation", counted)


def test_every_sheet_gives_every_column_a_meaning() -> None:
    """The data dictionary explains itself; keys are columns."""
    for sheet in sheets().values():
        assert sheet.meaning
        assert all(column.meaning for column in sheet.columns), sheet.stream
