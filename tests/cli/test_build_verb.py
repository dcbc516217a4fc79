"""`evidence build --rebuild`: what captures give is made anew; what was said of a period stays said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from controls.results import PASS
from reports.period import keep, measure
from tests.reports.small_home import NOW, PERIOD, fortnight, make_home, take
from tests.reports.test_kept import keep_result, result, verdict
from warehouse import census
from warehouse.lake import Lake
from warehouse.open import open_home
from warehouse.published import HISTORY, PUBLISHED

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The fortnight, measured and tested."""
    made = make_home(tmp_path)
    take(made, fortnight())
    census.take(made)
    period = made.config.period(PERIOD)
    keep(made, period, measure(made, period, now=NOW), now=NOW)
    keep_result(made, result(verdict("a", PASS)), NOW)
    return made


def rows(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Every table of the lake, row by row, in an order of its own."""
    with home.connection() as con:
        return {table: con.execute(f'FROM "{table}" ORDER BY ALL').fetchall() for table in home.lake.tables()}


def rebuild(home: Home) -> int:
    """The verb."""
    return main(["build", "--rebuild", "--config", str(home.config.root / "evidence.yaml")])


def reopened(home: Home) -> Home:
    """The home as the next process finds it."""
    return open_home(home.config.root / "evidence.yaml", now=NOW)


def test_a_rebuild_gives_the_same_tables_and_keeps_what_was_said(home: Home) -> None:
    """Records and counts come out the same; metrics and verdicts are the very rows, with their snapshots."""
    before, snapshots = rows(home), home.lake.snapshots()
    assert set(before) >= HISTORY
    assert rebuild(home) == 0
    after = reopened(home)
    census.take(after)

    assert rows(after) == before
    found = after.lake.snapshots()
    assert {name for name in found if found[name] == snapshots[name]} == set(HISTORY)


@pytest.mark.parametrize("survives", [1, 3, 6])
def test_a_rebuild_that_died_is_finished_by_a_build(home: Home, monkeypatch: pytest.MonkeyPatch, survives: int) -> None:
    """Killed between two tables: the next build, without `--rebuild` even, gives every row once."""
    before, drop, dropped = rows(home), Lake.drop, list[str]()

    def dies(lake: Lake, table: str) -> None:
        if len(dropped) == survives:
            raise KeyboardInterrupt
        dropped.append(table)
        drop(lake, table)

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "drop", dies)
        assert rebuild(home) == 130
    again = reopened(home)
    again.builder().build()
    census.take(again)
    after = rows(again)
    for table in sorted(set(before) - {"evidence_census"}):
        assert after[table] == before[table], table
    assert set(after["evidence_census"]) == set(before["evidence_census"])


def test_every_kept_table_is_history_or_counted_anew() -> None:
    """A table of what was found that is added later must say which it is."""
    assert set(PUBLISHED) - HISTORY == {"evidence_census", "evidence_census_receipts"}
