"""Cron expressions and local times: what a schedule expects, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from controls.memory import session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

NOW = datetime(2025, 12, 1, tzinfo=UTC)
SCHEDULES = {
    "plain": "5 4 * * *", "steps": "*/20 8-18/5 1,15 jan-mar mon", "preset": "@weekly", "sunday": "0 0 ? * 7",
    "six": "0 0 0 * * *", "words": "at noon", "none": None, "over": "61 4 * * *",
}  # fmt: skip


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A session with schedules."""
    rows = [{"id": name, "cron": cron, "time_zone": "UTC"} for name, cron in SCHEDULES.items()]
    con = session({"schedule": rows}, {}, zone="Europe/Berlin", now=NOW)
    yield con
    con.close()


@pytest.mark.parametrize(
    ("zone", "local", "instant"),
    [
        ("America/New_York", "2025-11-02 01:30", "2025-11-02 05:30"),
        ("America/New_York", "2025-11-02 00:30", "2025-11-02 04:30"),
        ("America/New_York", "2025-11-02 02:30", "2025-11-02 07:30"),
        ("America/New_York", "2025-03-09 02:30", "2025-03-09 07:00"),
        ("America/New_York", "2025-03-09 03:00", "2025-03-09 07:00"),
        ("Europe/Berlin", "2025-10-26 02:15", "2025-10-26 00:15"),
        ("Europe/Berlin", "2025-03-30 02:59", "2025-03-30 01:00"),
        ("Australia/Lord_Howe", "2025-04-06 01:45", "2025-04-05 14:45"),
        ("Australia/Lord_Howe", "2025-10-05 02:10", "2025-10-04 15:30"),
        ("UTC", "2025-06-01 12:00", "2025-06-01 12:00"),
    ],
)
def test_local_times_are_due_once(con: duckdb.DuckDBPyConnection, zone: str, local: str, instant: str) -> None:
    """A time that occurs twice is due at its first instant, one that is skipped at the first instant after."""
    (found,) = con.execute("SELECT first_instant(CAST($l AS TIMESTAMP), $z)", {"l": local, "z": zone}).fetchall()

    assert found == (datetime.fromisoformat(instant).replace(tzinfo=UTC),)


def test_expressions_become_lists(con: duckdb.DuckDBPyConnection) -> None:
    """Lists, ranges, steps, names and presets are read; Sunday is 0 or 7; what is no expression is said to be none."""
    rows = con.execute("SELECT schedule_id, minutes, hours, days, months, weekdays, any_day, readable FROM schedules")
    found = {name: values for name, *values in rows.fetchall()}
    every = (list(range(24)), list(range(1, 32)), list(range(1, 13)))

    assert found["plain"][:2] == [[5], [4]]
    assert found["steps"] == [[0, 20, 40], [8, 13, 18], [1, 15], [1, 2, 3], [1], True, True]
    assert found["preset"] == [[0], [0], every[1], every[2], [0], False, True]
    assert found["sunday"] == [[0], [0], every[1], every[2], [0], False, True]
    assert [found[name][-1] for name in ("six", "words", "none", "over")] == [False] * 4
