"""What was planned against what was received, and when each window was asked for.

- A plan is a statement of the log, made before its period: which streams are collected. What it promises does not come
  from the pack, so that a first or last day which was left out is missed like any other.
- A stream is received where windows of receipts cover the time; a window that came with gaps counts, for the pack's
  completeness pages list those. Time in no window at all is a failure.
- A receipt's time of asking is a claim. It fails where anchored checkpoints contradict it: asked long before the log
  had it although the log was anchored in between (back-dating), or asked after it was in the log (a wrong clock).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from evidence.verify import strict_json
from evidence.verify.formats.errors import FormatError
from evidence.verify.report import Check, Name, failed, not_checked, passed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from evidence.verify.anchors import Anchors
    from evidence.verify.manifest import Period

DEFAULT_SLA_HOURS = 72
"""Hours in which a window must be collected where no plan says otherwise: the default of P_LATE."""

SKEW = timedelta(minutes=10)
"""How far two honest clocks may differ."""

_SHOWN = 3

Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as logged: its leaf index, its period, its streams, and what it says of itself."""

    index: int
    name: str
    start: datetime
    end: datetime
    streams: frozenset[str]
    sla: timedelta
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A window as a receipt states it: when it was asked, and whether as much as there is was received."""

    index: int
    stream: str
    start: datetime
    end: datetime
    at: datetime
    first_read: bool
    final: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What the pack's statements say about collection."""

    plans: tuple[Plan, ...]
    windows: tuple[Asked, ...]
    hidden: int


def read_statements(statements: Iterable[bytes], indexes: Iterable[int], size: int) -> Told:
    """Plans and windows among `statements`, which stand at `indexes` of a log of `size`.

    Raises:
        FormatError: a plan or a receipt lacks what makes it one.
    """
    plans, windows, shown = list[Plan](), list[Asked](), 0
    for text, index in zip(statements, indexes, strict=True):
        shown += 1
        if b'"kind":"plan"' not in text and b'"kind":"receipt"' not in text:
            continue
        value = strict_json.parse(text, f"the statement {index}")
        try:
            if value.get("kind") == "plan":
                plans.append(_plan(index, value))
            elif value.get("kind") == "receipt" and "window" in value:
                windows.append(_asked(index, value))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise FormatError(f"the statement {index} is no plan and no receipt: {error!r}") from error
    return Told(tuple(plans), tuple(windows), size - shown)


def check_plan(told: Told, period: Period, anchors: Anchors, issued: datetime | None) -> Check:
    """Whether every stream that was planned for the pack's period was received from its first to its last instant."""
    start, end = _time(period.start), _time(period.end)
    plans = sorted((p for p in told.plans if p.start < end and p.end > start), key=lambda p: (p.at, p.index))
    if not plans:
        if told.hidden:
            return failed(Name.PLAN, f"no plan is shown, and {told.hidden:,} statements of the log are not: one may be")
        return not_checked(Name.PLAN, "the log holds no plan for this period: what had to be received is not shown")
    if problem := next(_contradictions(plans, period, anchors), None):
        return failed(Name.PLAN, problem)
    if issued is not None:
        end = min(end, max(start, issued - max(plan.sla for plan in plans)))  # a draft is not asked for days to come
    missing = list(_missing(plans, told.windows, start, end))
    if missing:
        more = f"; and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        return failed(Name.PLAN, "; ".join(missing[:_SHOWN]) + more)
    streams = frozenset[str]().union(*(plan.streams for plan in plans))
    logged = f"logged {plans[0].at:%Y-%m-%d}"
    late = max(start, plans[0].start)
    if plans[0].at > late:
        return not_checked(Name.PLAN, f"{logged}, when the period had begun: it promises nothing of the time before")
    return passed(Name.PLAN, f"{logged}, before the period: {len(streams)} streams, each received throughout")


def check_times(told: Told, anchors: Anchors) -> Check:
    """Whether anchored checkpoints bear out when each window was asked."""
    firsts = [window for window in told.windows if window.first_read]
    if not anchors.proven:
        return not_checked(Name.TIMES, f"when {len(firsts):,} windows were asked is the collector's own claim")
    wrong, unbounded, late = [], 0, 0
    for window in firsts:
        sla = _sla(window, told.plans)
        there, absent = anchors.by(window.index), anchors.not_before(window.index)
        if (problem := _contradicted(window, sla, there, absent)) is not None:
            wrong.append(problem)
        unbounded += absent is None and there is not None and window.at + sla < there
        late += window.at > window.end + sla
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        return failed(Name.TIMES, "; ".join(wrong[:_SHOWN]) + more)
    told_late = f"; {late:,} say themselves that they were late" if late else ""
    if unbounded:
        return not_checked(
            Name.TIMES,
            f"{unbounded:,} of {len(firsts):,} windows were asked before the log was first anchored{told_late}",
        )
    return passed(Name.TIMES, f"{len(firsts):,} windows were in the log when their receipts say so{told_late}")


def _contradicted(window: Asked, sla: timedelta, there: datetime | None, absent: datetime | None) -> str | None:
    name = f"{window.stream} of {window.start:%Y-%m-%d}"
    if window.at < window.end:
        return f"{name} says it was asked on {window.at:%Y-%m-%d %H:%M}, before its window was over"
    if there is not None and window.at > there + SKEW:
        return f"{name} says it was asked on {window.at:%Y-%m-%d %H:%M}, and was in the log by {there:%Y-%m-%d %H:%M}"
    if there is not None and absent is not None and window.at + sla < there:
        return (
            f"{name} says it was asked on {window.at:%Y-%m-%d}, and came into the log between"
            f" {absent:%Y-%m-%d} and {there:%Y-%m-%d}"
        )
    return None


def _sla(window: Asked, plans: Iterable[Plan]) -> timedelta:
    found = [p.sla for p in plans if window.stream in p.streams and p.start <= window.start < p.end]
    return max(found, default=timedelta(hours=DEFAULT_SLA_HOURS))


def _contradictions(plans: Sequence[Plan], period: Period, anchors: Anchors) -> Iterator[str]:
    start, end = _time(period.start), _time(period.end)
    for plan in plans:
        if plan.name == period.label and (plan.start, plan.end) != (start, end):
            yield f"the pack's {period.label} is not the plan's: {plan.start.isoformat()} to {plan.end.isoformat()}"
        there, absent = anchors.by(plan.index), anchors.not_before(plan.index)
        if there is not None and absent is not None and plan.at + plan.sla < there:
            yield (
                f"the plan says it was logged on {plan.at:%Y-%m-%d}, and came into the log between"
                f" {absent:%Y-%m-%d} and {there:%Y-%m-%d}"
            )


def _missing(plans: Sequence[Plan], windows: Iterable[Asked], start: datetime, end: datetime) -> Iterator[str]:
    received: dict[str, list[Stretch]] = {}
    for window in windows:
        if window.final:
            received.setdefault(window.stream, []).append((window.start, window.end))
    for stream in sorted(frozenset[str]().union(*(plan.streams for plan in plans))):
        for first, last in _promised(stream, plans, start, end):
            for a, b in _uncovered((first, last), received.get(stream, [])):
                yield f"{stream} was planned and not received from {a.isoformat()} to {b.isoformat()}"


def _promised(stream: str, plans: Sequence[Plan], start: datetime, end: datetime) -> Iterator[Stretch]:
    """When `stream` had to be received: from its plan's making on, until a later plan of the period leaves it out."""
    for number, plan in enumerate(plans):
        if stream not in plan.streams:
            continue
        dropped = [p.at for p in plans[number + 1 :] if stream not in p.streams and _same_period(p, plan)]
        first, last = max(start, plan.start, plan.at), min([end, plan.end, *dropped])
        if first < last:
            yield first, last


def _same_period(one: Plan, other: Plan) -> bool:
    return (one.start, one.end) == (other.start, other.end)


def _uncovered(stretch: Stretch, windows: Iterable[Stretch]) -> Iterator[Stretch]:
    at, end = stretch
    for start, stop in sorted(windows):
        if start > at and at < end:
            yield at, min(start, end)
        at = max(at, stop)
    if at < end:
        yield at, end


def _plan(index: int, value: dict[str, Any]) -> Plan:
    return Plan(
        index, str(value["name"]), _time(value["period_start"]), _time(value["period_end"]),
        frozenset(map(str, value["streams"])), timedelta(hours=value["sla_hours"]), _time(value["at"]),
    )  # fmt: skip


def _asked(index: int, value: dict[str, Any]) -> Asked:
    window = value["window"]
    return Asked(
        index, str(value["stream"]), _time(window["start"]), _time(window["end"]), _time(value["asked_at"]),
        first_read=value["read"] == 0, final=bool(value["complete"]) or bool(value["gaps"]),
    )  # fmt: skip


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment
