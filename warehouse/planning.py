"""Plans: what will be collected in a quarter, stated in the ledger before it begins.

- A plan is the yardstick that does not come from the pack: what it promises and was not received is missed, the first
  and the last day too (`evidence.verify.windows`).
- The quarter that runs and the next one are planned; the day's collection sees to it. A plan that says the same is
  stated once. When the configured streams change, another plan follows, and both stay in the ledger.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from evidence.canonical import canonical
from evidence.collecting import open_source
from evidence.ledger.statements import Plan, as_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from evidence.config import Config
    from evidence.ledger.log import Log
    from evidence.ledger.statements import CodeIdentity
    from evidence.periods import Period
    from warehouse.home import Home

SCHEDULE = "daily"


def streams_of(home: Home) -> tuple[str, ...]:
    """Every stream that the home's sources will be asked for; `ConfigError` if one cannot be opened."""
    found: set[str] = set()
    for system, settings in home.config.sources.items():
        source = open_source(system, settings, home.environ, home.config.root)
        try:
            found |= {stream.name for stream in source.streams}
        finally:
            source.close()
    return tuple(sorted(found))


def quarters(config: Config, now: datetime) -> tuple[Period, Period]:
    """The fiscal quarter that runs, and the next one."""
    today = now.astimezone(ZoneInfo(config.zone)).date()
    running = quarter_of(config, today)
    return running, quarter_of(config, running.end_day)


def quarter_of(config: Config, day: date) -> Period:
    """The fiscal quarter in which a local day lies."""
    candidates = [config.period(f"{year}Q{n}") for year in (day.year, day.year + 1) for n in (1, 2, 3, 4)]
    return next(period for period in candidates if period.first <= day < period.end_day)


def state_plans(home: Home, periods: Sequence[Period], *, code: CodeIdentity, now: datetime) -> list[Plan]:
    """State the plan of each period, unless the ledger's last plan of it says the same; the plans that are new."""
    streams = streams_of(home)
    stated = _stated(home.log)
    new = []
    for period in periods:
        plan = Plan(period.name, period.start, period.end, streams, SCHEDULE, home.config.late_hours)
        if stated.get(period.name) != json.loads(canonical(as_json(plan))):
            new.append(plan)
    home.log.append([plan.encode(now, code) for plan in new])
    return new


def _stated(log: Log) -> dict[str, object]:
    """The last plan of each period in the ledger, apart from when and by which code it was stated."""
    return {
        value["name"]: {k: v for k, v in value.items() if k not in ("kind", "version", "at", "code")}
        for value in log.stated("plan")
    }
