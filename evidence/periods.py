"""Periods: written as people write them, half-open instants inside.

==================  =====================================
``2025Q4``          fiscal quarter
``2025-11``         calendar month
``2025-W47``        ISO week
``2025-11-12``      day
``FROM..TO``        days, TO not included
==================  =====================================

All in the company's zone; the fiscal year is named after the calendar year in which it ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from evidence.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

MONTHS = 12
_QUARTER = r"([0-9]{4})Q([1-4])"


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open stretch of local days.

    Attributes:
        name: as written.
        first: first local day.
        end_day: first local day that is not in it.
        zone: IANA name of the company's zone.
    """

    name: str
    first: date
    end_day: date
    zone: str

    @property
    def is_quarter(self) -> bool:
        """Whether it is written as a fiscal quarter."""
        return re.fullmatch(_QUARTER, self.name) is not None

    @property
    def file_stem(self) -> str:
        """Its name as a part of file names."""
        return self.name.replace("..", "_")

    @property
    def start(self) -> datetime:
        """First instant, UTC."""
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """First instant after it, UTC."""
        return midnight(self.end_day, self.zone)

    def freeze_at(self, late_hours: int) -> datetime:
        """When the period's evidence is frozen: `late_hours` (parameter P_LATE) after its end."""
        return self.end + timedelta(hours=late_hours)

    def days(self) -> Iterator[date]:
        """Its local days."""
        day = self.first
        while day < self.end_day:
            yield day
            day += timedelta(days=1)


def midnight(day: date, zone: str) -> datetime:
    """The instant at which a local day begins."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def period(text: str, *, zone: str, fiscal_start: int = 1) -> Period:
    """The period that `text` names; `ConfigError` lists the valid forms.

    Args:
        text: see the module's table.
        zone: IANA name of the company's zone.
        fiscal_start: month (1 to 12) in which the fiscal year begins.
    """
    try:
        first, end = _days(text.strip(), fiscal_start)
        found = Period(text.strip(), first, end, zone)
        empty = found.end <= found.start
    except (ValueError, OverflowError) as error:
        raise _unknown(text) from error
    if empty:
        raise _unknown(text)
    return found


def last_quarter(today: date, *, zone: str, fiscal_start: int = 1) -> Period:
    """The last fiscal quarter that ended on or before `today`."""
    quarters = [
        period(f"{year}Q{number}", zone=zone, fiscal_start=fiscal_start)
        for year in (today.year - 1, today.year, today.year + 1)
        for number in (1, 2, 3, 4)
    ]
    return max((q for q in quarters if q.end_day <= today), key=lambda q: q.end_day)


def _days(text: str, fiscal_start: int) -> tuple[date, date]:
    if ".." in text:
        first_day, end_day = text.split("..", 1)
        return _day(first_day), _day(end_day)
    if found := re.fullmatch(_QUARTER, text):
        year, quarter = int(found[1]), int(found[2])
        begin = (year if fiscal_start == 1 else year - 1) * 12 + fiscal_start - 1 + (quarter - 1) * 3
        return _month(begin), _month(begin + 3)
    if found := re.fullmatch(r"([0-9]{4})-([0-9]{2})", text):
        begin = int(found[1]) * 12 + int(found[2]) - 1
        if not 1 <= int(found[2]) <= MONTHS:
            raise ValueError(text)
        return _month(begin), _month(begin + 1)
    if found := re.fullmatch(r"([0-9]{4})-W([0-9]{2})", text):
        monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
        return monday, monday + timedelta(days=7)
    day = _day(text)
    return day, day + timedelta(days=1)


def _day(text: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(text)  # fromisoformat takes more forms than the contract has
    return date.fromisoformat(text)


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


def _unknown(text: str) -> ConfigError:
    return ConfigError(
        f"period {text!r} is not understood; valid are 2025Q4, 2025-11, 2025-W47, 2025-11-12, 2025-10-01..2025-12-01",
        next_step="Write the period in one of these forms; it is read in the company's time zone.",
    )
