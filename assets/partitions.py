"""Days and quarters, in the company's zone and fiscal calendar.

A quarter's partition key is its first local day (`2026-07-01`), as Dagster wants time windows keyed by time.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from evidence.config import Config, load_config
from evidence.errors import ConfigError
from evidence.periods import MONTHS, Period, period
from warehouse.open import find_config

if TYPE_CHECKING:
    from collections.abc import Iterator

EARLIEST = "2025-01-01"  # far enough back for the year under audit; Dagster's UI slows down beyond 40,000 partitions
_QUARTER_MONTHS = 3


def settings() -> Config:
    """The configuration, or the defaults where there is none yet: definitions must load on an empty checkout."""
    try:
        return load_config(find_config())
    except ConfigError:
        return Config(company="not configured yet")


_CONFIG = settings()

DAILY = dg.DailyPartitionsDefinition(start_date=EARLIEST, timezone=_CONFIG.zone)
QUARTERLY = dg.TimeWindowPartitionsDefinition(
    start=EARLIEST,
    fmt="%Y-%m-%d",
    timezone=_CONFIG.zone,
    cron_schedule="0 0 1 "
    + ",".join(
        str(month)
        for month in sorted((_CONFIG.fiscal_year_starts - 1 + q * _QUARTER_MONTHS) % MONTHS + 1 for q in range(4))
    )
    + " *",
    end_offset=1,
)

CHOSEN = dg.DynamicPartitionsDefinition(name="period")  # periods that somebody asked for, by their names


def days_of(key_range: dg.PartitionKeyRange) -> Iterator[date]:
    """The local days of a range of daily partitions."""
    day, last = date.fromisoformat(key_range.start), date.fromisoformat(key_range.end)
    while day <= last:
        yield day
        day += timedelta(days=1)


def quarter_of(key: str, config: Config) -> Period:
    """The fiscal quarter that begins on the day `key`."""
    first = date.fromisoformat(key)
    for year in (first.year, first.year + 1):
        for number in range(1, 5):
            found = period(f"{year}Q{number}", zone=config.zone, fiscal_start=config.fiscal_year_starts)
            if found.first == first:
                return found
    raise ConfigError(f"no fiscal quarter begins on {key}; the fiscal year begins in month {config.fiscal_year_starts}")
