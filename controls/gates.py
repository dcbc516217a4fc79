"""Completeness: which days of which streams may hide something, and what that does to verdicts.

- A day is complete if the collection of it is, no hour of it was silent, and no independent count disagrees (view
  `partition_days`). A day about which nothing is known is not complete.
- An answer that rests on an incomplete day is INDETERMINATE, whether it was a pass or an exception; an exception that
  a record shows stands.
- A population with an incomplete day is not proved complete: `population:<day>` is INDETERMINATE for its attributes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from controls.results import EXCEPTION, INDETERMINATE, PASS, POPULATION, Proof, Verdict
from warehouse.sheets import sheet_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import duckdb

    from controls.sheet import Attribute, Sheet
    from evidence.periods import Period

_SHOWN = 3  # causes that a reason spells out


@dataclass(frozen=True, slots=True)
class Gap:
    """One day of one stream that may hide something."""

    stream: str
    day: date
    reason: str
    evidence: tuple[Proof, ...] = ()


class Gates:
    """The state of all streams over a period, as the session knows it.

    Args:
        con: session with the shared views.
        period: the period under test.
        freeze_at: up to when evidence counts; days that end later are not due yet.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, period: Period, freeze_at: datetime) -> None:
        self._zone = ZoneInfo(period.zone)
        self._period, self._freeze_at = period, freeze_at
        last = min(period.end, freeze_at)
        self.days = [day for day in period.days() if self._midnight(day + timedelta(days=1)) <= last]
        self._complete: dict[str, set[date]] = {}
        self._gaps: dict[tuple[str, date], Gap] = {}
        rows = con.execute("SELECT stream, day, complete, reason, evidence FROM partition_days").fetchall()
        for stream, day, complete, reason, evidence in rows:
            if complete:
                self._complete.setdefault(stream, set()).add(day)
            else:
                self._gaps[stream, day] = Gap(stream, day, reason, tuple(Proof(**proof) for proof in evidence))
        silence = con.execute("SELECT stream, day FROM silence_days WHERE disproved").fetchall()
        self._heard = {(stream, day) for stream, day in silence}

    def gaps(self, streams: Iterable[str], days: Iterable[date]) -> list[Gap]:
        """What is incomplete of `streams` on `days`, by day and stream."""
        names = sorted({sheet_of(stream).stream for stream in streams})
        return [
            self._gaps.get((name, day)) or Gap(name, day, "nothing says that it was collected")
            for day in days
            for name in names
            if day not in self._complete.get(name, ())
        ]

    def silent(self, streams: Iterable[str]) -> list[Gap]:
        """Days of the period on which the silence of `streams` is not disproved."""
        names = sorted({sheet_of(stream).stream for stream in streams})
        return [
            Gap(name, day, "nothing disproves that it was silent")
            for day in self.days
            for name in names
            if (name, day) not in self._heard
        ]

    def judge(
        self,
        verdict: Verdict,
        attribute: Attribute,
        needs: Iterable[str],
        window: tuple[datetime | None, datetime | None],
    ) -> Verdict:
        """The verdict as far as the evidence of the streams `needs` carries it over `window`."""
        if verdict.verdict not in (PASS, EXCEPTION):
            return verdict
        if verdict.verdict == EXCEPTION and attribute.presence:
            return verdict
        found = self.gaps(needs, self._local_days(*window))
        if not found:
            return verdict
        proofs = tuple(sorted({*verdict.evidence, *(proof for gap in found for proof in gap.evidence)}))
        reason = f"evidence is missing: {spell(found)} (without it: {verdict.verdict}, {verdict.reason})"
        return replace(verdict, verdict=INDETERMINATE, reason=reason, evidence=proofs)

    def hidden(self, sheet: Sheet) -> list[Verdict]:
        """`population:<day>` for every day that may hide members, per attribute that would be asked of them."""
        rows = []
        for name, population in sheet.populations.items():
            letters = [letter for letter, attribute in sheet.attributes.items() if name in attribute.populations]
            by_day: dict[date, list[Gap]] = {}
            for gap in self.gaps(population.streams, self.days):
                by_day.setdefault(gap.day, []).append(gap)
            if self.days and len(by_day) == len(self.days):
                stretch = {self._period.name: [gap for gaps in by_day.values() for gap in gaps]}
            else:
                stretch = {day.isoformat(): gaps for day, gaps in by_day.items()}
            rows += [self._hidden(key, letter, name, gaps) for key, gaps in stretch.items() for letter in letters]
        return rows

    def _hidden(self, key: str, letter: str, population: str, gaps: Sequence[Gap]) -> Verdict:
        reason = f"members of {population} may be hidden: {spell(gaps)}"
        proofs = tuple(sorted({proof for gap in gaps for proof in gap.evidence}))
        return Verdict(POPULATION, f"population:{key}", letter, INDETERMINATE, reason, None, proofs)

    def _local_days(self, start: datetime | None, end: datetime | None) -> Iterator[date]:
        """The local days of a stretch, as far as they lie within the period and before the freeze."""
        first = max(start or self._period.start, self._period.start)
        last = min(end or first, self._freeze_at - timedelta(microseconds=1))
        day = first.astimezone(self._zone).date()
        while day <= last.astimezone(self._zone).date():
            yield day
            day += timedelta(days=1)

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self._zone)


def spell(gaps: Sequence[Gap]) -> str:
    """Gaps in words: each stream and cause once, with its days; the first few of them."""
    held: dict[tuple[str, str], list[date]] = {}
    for gap in gaps:
        held.setdefault((gap.stream, gap.reason), []).append(gap.day)
    told = [f"{stream} of {_spell_days(days)} ({reason})" for (stream, reason), days in held.items()]
    more = [f"and {len(told) - _SHOWN} more"] if len(told) > _SHOWN else []
    return ", ".join([*told[:_SHOWN], *more])


def _spell_days(days: Sequence[date]) -> str:
    if len(days) == 1:
        return str(days[0])
    return f"{len(days)} days from {min(days)} to {max(days)}"
