"""What the company's monitoring reports of each local day that is over, one file a report and day.

- `evidence.heartbeats`: hours of each log in which a probe or a record arrived, counted from the probes themselves.
- `evidence.clocks`: each source's offset from NTP time as measured every five minutes.
- `evidence.positive_controls`: the queries that must find a known record, and that they found it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from demo import worktime
from demo.systems.known import probes, root_use_id, session_id, set_up_at
from demo.systems.stable import iso, number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from demo.model import Company

    Row = dict[str, object]

PROBED = ("github.audit_log", "vault.audit", "kubernetes.audit")
CLOCKED = (
    "github.audit_log", "github.pull_requests", "github.workflow_runs", "github.deployments", "vault.audit",
    "kubernetes.audit", "terraform.states", "company.workers", "idp.events",
)  # fmt: skip
_HOUR = timedelta(hours=1)
_EVERY = timedelta(minutes=5)


class Monitoring:
    """The reports of one company."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._heard = {log: set(map(_hour, probes(company, log.partition(".")[0]))) for log in PROBED}

    def reports(self, now: datetime, after: int) -> Iterator[tuple[str, date, list[Row]]]:
        """(stream, local day, rows) of every day that ended by `now` and whose ordinal is greater than `after`."""
        company = self._company
        first = max(company.start.astimezone(company.tz).date().toordinal(), after + 1)
        for ordinal in range(first, now.astimezone(company.tz).date().toordinal()):
            day = date.fromordinal(ordinal)
            start = worktime.midnight(day, company.tz)
            end = worktime.midnight(day + timedelta(days=1), company.tz)
            yield "evidence.heartbeats", day, [self._heartbeat(log, start, end) for log in PROBED]
            yield "evidence.clocks", day, [_clock(company, source, day, end - start) for source in CLOCKED]
            yield "evidence.positive_controls", day, _positive_controls(company, end)

    def _heartbeat(self, log: str, start: datetime, end: datetime) -> Row:
        hours = [start + n * _HOUR for n in range((end - start) // _HOUR)]
        missing = [[iso(h), iso(h + _HOUR)] for h in hours if h not in self._heard[log]]
        return {
            "source": log,
            "from": iso(start),
            "to": iso(end),
            "expected_hours": len(hours),
            "present_hours": len(hours) - len(missing),
            "missing": missing,
        }


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _clock(company: Company, source: str, day: date, length: timedelta) -> Row:
    offset = number(-900, 900, company.seed, "clock", source, day) / 1000
    spread = number(20, 250, company.seed, "spread", source, day) / 1000
    return {
        "source": source,
        "day": day.isoformat(),
        "offset_s": offset,
        "stddev_s": spread,
        "probes": length // _EVERY,
    }


def _positive_controls(company: Company, run_at: datetime) -> list[Row]:
    at = iso(set_up_at(company))
    known = (("APD-09", f"vault.audit:{root_use_id(company)}"), ("APD-12", f"kubernetes.audit:{session_id(company)}"))
    return [
        {"query": query, "record_time": at, "record": record, "found": True, "run_at": iso(run_at)}
        for query, record in known
    ]
