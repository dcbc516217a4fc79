"""Tell the whole period: `simulate` makes a company's timeline from a seed.

- The same seed, dates and zone give the same company, byte for byte, whatever the process's hash seed.
- Each repository's story is told day by day; what happens beside deliveries follows from it.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from demo import exposures, operations, roster, schedule, stories, violations, worktime
from demo.builder import Builder
from demo.changes import leave_open, open_pull
from demo.incidents import RELEASES as INCIDENT_RELEASES
from demo.infrastructure import RELEASES as INFRA_RELEASES
from demo.infrastructure import StateBucket, nightly
from demo.model import Company, Freeze
from demo.surroundings import administrators, background, leavers, sessions

if TYPE_CHECKING:
    from demo.builder import RepoState
    from demo.schedule import DayPlan, Plan

_CHANGES = {**stories.CHANGES, **violations.CHANGES, "weakened_merge": exposures.weakened_merge}
_RELEASES = {**stories.RELEASES, **violations.RELEASES, **INCIDENT_RELEASES}
# What orders a kind of fact, the first that it has.
_TIMES = ("time", "created_at", "opened_at", "submitted_at", "started_at", "written_at", "reviewed_at", "start")
_LEAD = timedelta(hours=2, minutes=20)
_OPENING = timedelta(days=8)


def simulate(seed: int, start: date, end: date, zone: str = "America/New_York") -> Company:
    """The company from `start` until before `end`, local dates of `zone`."""
    tz = ZoneInfo(zone)
    first, last = worktime.midnight(start, tz), worktime.midnight(end, tz)
    b = Builder(_empty(seed, zone, first, last))
    operations.on_call(b, first - 2 * _OPENING, last + 2 * _OPENING)
    days = worktime.days(start, end)
    leavers(b, days)
    plan, freeze = schedule.draw(b.rng, days)
    if freeze:
        _freeze(b, freeze)
    bucket = StateBucket(b)
    for state in b.states.values():
        _opening(b, state, start)
    bucket.open(first - timedelta(days=3))
    _tell(b, plan, bucket)
    _still_open(b, days)
    exposures.judge_environments(b)
    sessions(b, days)
    background(b, days)
    administrators(b)
    b.company.account_links.extend(roster.account_links(b.company.people.values()))
    return _in_order(b.company)


def _empty(seed: int, zone: str, first: datetime, last: datetime) -> Company:
    return Company(
        seed, roster.ORG, roster.ORG_ID, zone, first, last, roster.people(first, last),
        {bot.register_id: bot for bot in roster.BOTS}, roster.repositories(seed), roster.EMERGENCY_APPROVERS,
        roster.CLUSTERS, roster.STATE_BUCKET, roster.STATE_KEYS, roster.PROD_SECRET_PATHS,
    )  # fmt: skip


def _freeze(b: Builder, days: list[date]) -> None:
    start = worktime.midnight(days[0], b.zone)
    end = worktime.midnight(days[-1] + timedelta(days=1), b.zone)
    b.company.freezes.append(Freeze(f"FRZ-{start:%Y%m%d}", ("settlement-api",), start, end, "W2001"))


def _opening(b: Builder, state: RepoState, start: date) -> None:
    """One change and, for a service, one release shortly before the period."""
    day = start - timedelta(days=1)
    while not worktime.is_workday(day):
        day -= timedelta(days=1)
    at = worktime.at(day, 11, 0, b.zone)
    done = stories.ordinary(b, stories.Slot(state, at - _LEAD, at))
    if state.repo.service:
        stories.released(b, state, done)


def _tell(b: Builder, plan: Plan, bucket: StateBucket) -> None:
    for name, days in plan.items():
        state = b.states[name]
        for day, what in days.items():
            if state.repo.name == "batch-jobs":
                nightly(b, state, worktime.at(day, 2, 15, b.zone), fails=b.chance(0.03))
            if worktime.is_workday(day):
                _tell_day(b, state, day, what, bucket)


def _tell_day(b: Builder, state: RepoState, day: date, what: DayPlan, bucket: StateBucket) -> None:
    for hour, (change, release) in zip(schedule.HOURS, what.merges, strict=False):
        at = worktime.at(day, hour, 0, b.zone) + b.minutes(0, 25)
        opened = max(state.main[-1][0] + timedelta(minutes=20), at - b.minutes(90, 1300))
        done = _CHANGES[change](b, stories.Slot(state, _in_office_hours(b, opened, at), at))
        if state.repo.service and release:
            _RELEASES[release](b, state, done)
        elif state.repo.name == "platform-infra":
            INFRA_RELEASES.get(release, INFRA_RELEASES["released"])(b, done, bucket)
    match what.exposure:
        case "ruleset_disabled":
            exposures.ruleset_disabled(b, state, day)
        case "maintenance":
            exposures.maintenance(b, state, day)
        case str(setting):
            exposures.environment_weakened(b, state, day, setting)
        case None:
            if not what.merges and state.repo.service and b.chance(0.45):
                stories.abandoned(b, state, worktime.at(day, 9, 30, b.zone) + b.minutes(0, 200))


def _still_open(b: Builder, days: list[date]) -> None:
    """One pull request a service that nobody has merged yet when the period ends."""
    workdays = [d for d in days if worktime.is_workday(d)]
    for state in b.states.values():
        if workdays and state.repo.service:
            at = worktime.at(workdays[-1], 19, 30, b.zone) + b.minutes(0, 50)
            leave_open(b, open_pull(b, state, b.rng.choice(b.staff(at, "developers")), at))


def _in_office_hours(b: Builder, opened: datetime, merged: datetime) -> datetime:
    """Not at night: an opening between 18:00 and 08:00 moves to shortly before the merge."""
    hour = opened.astimezone(b.zone).hour
    return opened if 8 <= hour < 18 else merged - b.minutes(80, 100)  # noqa: PLR2004 - the hours say what they are


def _in_order(company: Company) -> Company:
    """The company with every list in order of time."""
    for f in fields(company):
        facts = getattr(company, f.name)
        key = next((k for k in _TIMES if hasattr(facts[0], k)), None) if isinstance(facts, list) and facts else None
        if key:
            facts.sort(key=attrgetter(key))
    return company
