"""Periods: every written form, every fiscal calendar, and no instant lost or counted twice."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import ConfigError
from evidence.periods import last_quarter, midnight, period

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Cairo", "America/Havana", "Pacific/Apia"]
DAYS = st.dates(date(1971, 1, 10), date(2090, 12, 1))


@pytest.mark.parametrize(
    ("text", "start", "first", "end"),
    [
        ("2025Q4", 1, date(2025, 10, 1), date(2026, 1, 1)),
        ("2025Q1", 2, date(2024, 2, 1), date(2024, 5, 1)),
        ("2025Q4", 2, date(2024, 11, 1), date(2025, 2, 1)),
        ("2025Q4", 10, date(2025, 7, 1), date(2025, 10, 1)),
        ("2025Q1", 12, date(2024, 12, 1), date(2025, 3, 1)),
        ("2025-11", 7, date(2025, 11, 1), date(2025, 12, 1)),
        ("2025-12", 1, date(2025, 12, 1), date(2026, 1, 1)),
        ("2024-02", 1, date(2024, 2, 1), date(2024, 3, 1)),
        ("2025-W47", 1, date(2025, 11, 17), date(2025, 11, 24)),
        ("2026-W53", 1, date(2026, 12, 28), date(2027, 1, 4)),
        ("2025-W01", 1, date(2024, 12, 30), date(2025, 1, 6)),
        ("2025-11-12", 1, date(2025, 11, 12), date(2025, 11, 13)),
        ("2024-02-29", 1, date(2024, 2, 29), date(2024, 3, 1)),
        (" 2025-10-01..2025-12-01 ", 1, date(2025, 10, 1), date(2025, 12, 1)),
    ],
)
def test_every_form_is_read(text: str, start: int, first: date, end: date) -> None:
    """Quarter, month, ISO week, day and range, as ARCHITECTURE writes them."""
    found = period(text, zone="UTC", fiscal_start=start)
    assert (found.name, found.first, found.end_day) == (text.strip(), first, end)


@pytest.mark.parametrize(
    "text",
    [
        "", "2025", "2025Q5", "2025Q0", "2025q4", "25Q4", "2025-13", "2025-00", "2025-1", "2025-W54", "2025-W53",
        "2025-W00",
        "2025-02-29", "20251112", "2025-11-12T00:00:00Z", "2025-W47-3", "2025W47", "2025-317", "2025-11-12..2025-11-12",
        "2025-12-01..2025-11-01", "2025-11..2025-12", "..2025-11-12", "2025-11-12..", "9999-12-31", "9999Q4",
        "9999-W52",
        "0000Q1", "0001-01-01..0001-01-02", "\u0662\u0660\u0662\u0665Q4", "latest",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_the_valid_forms(text: str) -> None:
    """A period is never guessed: the message names what was found and every valid form."""
    forms = "valid are 2025Q4, 2025-11, 2025-W47, 2025-11-12, 2025-10-01..2025-12-01"
    with pytest.raises(ConfigError, match=re.escape(f"period {text!r} is not understood; {forms}")) as raised:
        period(text, zone="Europe/Berlin")
    assert raised.value.next_step


@given(st.sampled_from(ZONES), st.integers(1, 12), st.integers(1975, 2080))
def test_quarters_tile_the_fiscal_year(zone: str, start: int, year: int) -> None:
    """Each quarter ends at the instant at which the next begins; the fourth one's year gives the name."""
    names = [f"{y}Q{q}" for y in (year, year + 1) for q in (1, 2, 3, 4)]
    quarters = [period(name, zone=zone, fiscal_start=start) for name in names]
    for one, following in itertools.pairwise(quarters):
        assert one.end == following.start
        assert one.end_day == following.first
    assert (quarters[3].end_day - timedelta(days=1)).year == year
    assert quarters[0].first.month == start
    assert {q.first.day for q in quarters} == {1}


@given(st.sampled_from(ZONES), DAYS, st.sampled_from(["%Y-%m-%d", "%G-W%V", "%Y-%m"]))
def test_days_weeks_and_months_tile_time(zone: str, day: date, form: str) -> None:
    """The period of a day holds it; the next one begins where it ends, also over changes of the clock."""
    here = period(day.strftime(form), zone=zone)
    following = period(here.end_day.strftime(form), zone=zone)
    assert here.first <= day < here.end_day
    assert (here.end, here.end_day) == (following.start, following.first)
    assert here.start < here.end
    assert list(here.days()) == [here.first + timedelta(n) for n in range((here.end_day - here.first).days)]


@pytest.mark.parametrize(
    ("zone", "text", "hours"),
    [
        ("America/New_York", "2026-03-08", 23), ("America/New_York", "2026-11-01", 25),
        ("Europe/Berlin", "2026-03-29", 23), ("Europe/Berlin", "2026-10-25", 25), ("UTC", "2026-03-29", 24),
        ("Africa/Cairo", "2026-04-24", 23), ("America/Havana", "2026-11-01", 25),
    ],
)  # fmt: skip
def test_days_on_which_the_clock_changes(zone: str, text: str, hours: int) -> None:
    """A local day has the hours that it has, also where midnight does not exist or comes twice."""
    found = period(text, zone=zone)
    assert found.end - found.start == timedelta(hours=hours)
    assert found.start.tzinfo == UTC


def test_midnight_that_does_not_exist_is_the_jump() -> None:
    """In Cairo the last Friday of April begins at 01:00: its first instant is the change of the clock itself."""
    assert midnight(date(2026, 4, 24), "Africa/Cairo") == datetime(2026, 4, 23, 22, tzinfo=UTC)


def test_evidence_is_frozen_late_hours_after_the_end() -> None:
    """P_LATE counts real hours from the period's end."""
    assert period("2026-03", zone="Europe/Berlin").freeze_at(72) == datetime(2026, 4, 3, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("today", "start", "name"),
    [
        (date(2026, 1, 1), 1, "2025Q4"), (date(2025, 12, 31), 1, "2025Q3"), (date(2026, 7, 15), 1, "2026Q2"),
        (date(2026, 1, 31), 2, "2026Q3"), (date(2026, 2, 1), 2, "2026Q4"), (date(2026, 1, 1), 12, "2025Q4"),
        (date(2025, 10, 1), 10, "2025Q4"), (date(2025, 9, 30), 10, "2025Q3"),
    ],
)  # fmt: skip
def test_the_last_quarter(today: date, start: int, name: str) -> None:
    """The one that ended on or before today, in every fiscal calendar."""
    assert last_quarter(today, zone="UTC", fiscal_start=start).name == name


@given(DAYS, st.integers(1, 12))
def test_the_last_quarter_is_the_last(today: date, start: int) -> None:
    """It is over, and less than a quarter ago."""
    found = last_quarter(today, zone="UTC", fiscal_start=start)
    assert found.end_day <= today
    assert (today - found.end_day).days < 93
