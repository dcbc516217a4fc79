"""A build that dies at any step, comes again, and ends with the tables of one that never died."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evidence.custody import Custody
from evidence.stores.file import FileStore
from warehouse import sheets as sheets_module
from warehouse.build import Builder
from warehouse.connect import connect
from warehouse.lake import Lake

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOW = datetime(2026, 7, 2, tzinfo=UTC)
STREAM = "github.reviews"
TABLES = ("github_reviews", "evidence_conservation", "evidence_quarantine")


class PowerError(Exception):
    """The power failed."""


def keep(folder: Path, texts: Sequence[str], hour: int = 0) -> Custody:
    """A locker with one more file of these lines, kept `hour` hours later."""
    custody = Custody(FileStore(folder / "locker"), collector={"name": "test"})
    path = folder / f"{hour}.jsonl"
    path.write_text("\n".join(texts))
    custody.keep_file(STREAM, path, name=path.name, now=NOW + timedelta(hours=hour))
    return custody


def review(number: int, state: str = "APPROVED", day: int = 1) -> str:
    """A review as an export holds it."""
    return json.dumps({"id": number, "state": state, "submitted_at": f"2026-0{6 + number % 2}-0{day}T10:00:00Z"})


def rows(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows."""
    con = connect(lake)
    return {table: con.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in TABLES}


@pytest.mark.parametrize("more", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(3))
def test_a_build_that_died_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, when: str, more: bool
) -> None:
    """Before and after each of the three commits (rows, quarantine, counts), with and without something new since.

    The tables are the same, and nothing is there twice.
    """
    texts = [review(1), review(2), review(1), '{"id": ', review(2, "DISMISSED"), review(3)]
    custody = keep(tmp_path, texts)
    (tmp_path / "scratch").mkdir()
    untouched, broken = Lake(tmp_path / "untouched"), Lake(tmp_path / "broken")
    Builder(custody, untouched, zone="UTC", scratch=tmp_path / "scratch").build([STREAM])
    commits = 0
    add = Lake.add

    def failing(self: Lake, *args: Any, **kwargs: Any) -> None:
        nonlocal commits
        commits += 1
        if commits == step + 1 and when == "before":
            raise PowerError("the lights went out")
        add(self, *args, **kwargs)
        if commits == step + 1 and when == "after":
            raise PowerError("the lights went out")

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "add", failing)
        with pytest.raises(PowerError, match="the lights went out"):
            Builder(custody, broken, zone="UTC", scratch=tmp_path / "scratch").build([STREAM])
    if more:  # something new has come in the meantime
        keep(tmp_path, [review(4)], hour=1)
    Builder(custody, untouched, zone="UTC", scratch=tmp_path / "scratch").build([STREAM])
    Builder(custody, broken, zone="UTC", scratch=tmp_path / "scratch").build([STREAM])
    assert rows(broken) == rows(untouched)


def test_a_late_arrival_is_one_more_row(tmp_path: Path) -> None:
    """It goes to the month of its event and is counted with the day of its event; what was there stays as it is."""
    custody = keep(tmp_path, [review(2)])
    lake = Lake(tmp_path / "lake")
    Builder(custody, lake, zone="UTC", scratch=tmp_path).build([STREAM])
    before = set(lake.files("github_reviews"))
    Builder(keep(tmp_path, [review(4, day=3)], hour=240), lake, zone="UTC", scratch=tmp_path).build([STREAM])
    assert before < set(lake.files("github_reviews"))
    days = "SELECT day::VARCHAR, sum(received) FROM evidence_conservation WHERE page >= 0 GROUP BY day ORDER BY day"
    assert connect(lake).execute(days).fetchall() == [("2026-06-01", 1), ("2026-06-03", 1)]


def test_a_new_column_is_empty_in_old_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet that gains a column widens its table; a rebuild fills the column from the bytes."""
    sheet = sheets_module.sheets()[STREAM]
    fewer = tuple(column for column in sheet.columns if column.name != "state")
    small = {STREAM: _with_columns(sheet, fewer)}
    custody, lake = keep(tmp_path, [review(1)]), Lake(tmp_path / "lake")
    with monkeypatch.context() as patch:
        patch.setattr("warehouse.build.sheets", lambda: small)
        Builder(custody, lake, zone="UTC", scratch=tmp_path).build([STREAM])
    Builder(keep(tmp_path, [review(2)], hour=1), lake, zone="UTC", scratch=tmp_path).build([STREAM])
    states = "SELECT review_id, state FROM github_reviews ORDER BY ALL"
    assert connect(lake).execute(states).fetchall() == [(1, None), (2, "APPROVED")]
    whole = Lake(tmp_path / "rebuilt")
    Builder(custody, whole, zone="UTC", scratch=tmp_path).build([STREAM])
    assert connect(whole).execute(states).fetchall() == [(1, "APPROVED"), (2, "APPROVED")]


def _with_columns(sheet: sheets_module.Sheet, columns: tuple[sheets_module.Column, ...]) -> sheets_module.Sheet:
    return replace(sheet, columns=columns)


def test_a_long_history_is_read_through_few_manifests(tmp_path: Path) -> None:
    """Every commit's rows stay, an earlier snapshot gives what it gave, and manifests do not grow by one a commit."""
    lake, columns = Lake(tmp_path), {"name": "VARCHAR"}
    pinned = 0
    for number in range(24):
        path = lake.data_folder("names") / f"{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"name": [f"n{number}"]}), path)
        lake.add("names", columns, [path])
        if number == 4:
            pinned = lake.snapshots()["names"]
    table = lake._table("names")
    assert table is not None
    snapshot = table.current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(table.io)) <= 10
    assert len(lake.files("names")) == 24
    assert len(lake.files("names", snapshot=pinned)) == 5
