"""Working days and office hours in the company's zone, as UTC instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_FRIDAY = 4


def at(day: date, hour: int, minute: int, zone: ZoneInfo, second: int = 0) -> datetime:
    """The UTC instant of a local time of day."""
    return datetime.combine(day, time(hour, minute, second), zone).astimezone(UTC)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which a local day begins."""
    return at(day, 0, 0, zone)


def days(start: date, end: date) -> list[date]:
    """Every day of the half-open [start, end)."""
    return [start + timedelta(days=n) for n in range((end - start).days)]


def is_workday(day: date) -> bool:
    """Monday to Friday."""
    return day.weekday() <= _FRIDAY


def business_days_after(moment: datetime, count: int, zone: ZoneInfo) -> datetime:
    """The same time of day `count` business days later."""
    local = moment.astimezone(zone)
    day = local.date()
    while count:
        day += timedelta(days=1)
        count -= is_workday(day)
    return datetime.combine(day, local.time(), zone).astimezone(UTC)
