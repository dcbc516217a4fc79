"""Ask controls their questions of a session, check the answers, and conclude.

- No I/O beyond the connection that is handed in; `now` plays no part: a test is of a period, up to its freeze.
- Every member of an attribute's population has exactly one verdict per attribute, else the definition is broken.
- The version of a control that is in force on the event's local day decides.
- Exceptions become EXEMPT only by a valid waiver (definition D9) or a satisfied emergency path (CHG-13).
- Controls about other controls' results (`reads_results`) are asked last, with `control_results` and
  `control_populations` in the session.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb

from controls.conclude import conclude, severity
from controls.definitions import catalogue, in_force
from controls.exemptions import Exemptions
from controls.gates import Gates, spell
from controls.results import (
    INDETERMINATE,
    MEMBERSHIP,
    NOT_APPLICABLE,
    PASS,
    POPULATION,
    VERDICTS,
    ControlResult,
    Members,
    Proof,
    Verdict,
)
from evidence.errors import ControlError
from warehouse.lake import arrow_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from controls.definitions import Control, Version
    from controls.sheet import Sheet
    from evidence.periods import Period

REQUIRED = ("population", "subject", "attribute", "verdict", "reason", "event_time", "evidence")
OPTIONAL = ("window_start", "window_end", "needs", "changes", "covers")
_DRILL = timedelta(hours=12)  # a positive control is looked for in a window of twice this around its record
_RESULTS = {
    "control": "VARCHAR", "population": "VARCHAR", "subject": "VARCHAR", "attribute": "VARCHAR", "verdict": "VARCHAR",
    "reason": "VARCHAR", "event_time": "TIMESTAMPTZ",
}  # fmt: skip
_POPULATIONS = {
    "control": "VARCHAR", "members": "BIGINT", "verdict": "VARCHAR", "reason": "VARCHAR", "outside": "BIGINT",
    "conclusion": "VARCHAR",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Span:
    """What the questions are asked about: `$period`, `$period_start`, `$period_end`, `$freeze_at`, `$zone`."""

    period: str
    period_start: datetime
    period_end: datetime
    freeze_at: datetime
    zone: str

    def parameters(self, question: str) -> dict[str, Any]:
        named = set(re.findall(r"\$([a-z_]+)", question))
        if unknown := named - set(self.__slots__):
            raise ControlError(
                f"a question names ${', $'.join(sorted(unknown))}; valid are ${', $'.join(self.__slots__)}"
            )
        return {name: getattr(self, name) for name in named}


@dataclass(frozen=True, slots=True)
class _Answer:
    verdict: Verdict
    window: tuple[datetime | None, datetime | None]
    needs: tuple[str, ...] | None
    changes: tuple[str, ...]
    covers: str | None


def test(
    con: duckdb.DuckDBPyConnection,
    controls: Iterable[Control],
    period: Period,
    *,
    freeze_at: datetime,
) -> list[ControlResult]:
    """Verdicts and conclusions of `controls` over `period`, in their order.

    Args:
        con: session made ready by `controls.scope.prepare`.
        controls: what to test; a control about results has all others asked too.
        period: the period under test.
        freeze_at: up to when evidence counts: P_LATE after the period's end, or now where that is still to come.

    Raises:
        ControlError: a definition is broken: SQL that fails, columns that are missing, a member without a verdict.
    """
    wanted = list(controls)
    span = _Span(period.name, period.start, period.end, freeze_at, period.zone)
    gates, exemptions = Gates(con, period, span.freeze_at), Exemptions(con)
    first = wanted
    if any(control.sheet.reads_results for control in wanted):
        first = [*{c.id: c for c in (*catalogue().values(), *wanted)}.values()]
    results: dict[str, ControlResult] = {}
    for late in (False, True):
        if late:
            _publish(con, results.values(), period)
        for control in first if not late else wanted:
            if control.sheet.reads_results == late:
                results[control.id] = _Test(con, control, period, span, gates, exemptions).run()
    return [results[control.id] for control in wanted]


@dataclass(frozen=True, slots=True)
class _Test:
    """One control over one period."""

    con: duckdb.DuckDBPyConnection
    control: Control
    period: Period
    span: _Span
    gates: Gates
    exemptions: Exemptions

    def run(self) -> ControlResult:
        sheet = self.control.sheet
        answers = self._answers(self.span)
        found = [a.verdict for a in answers if a.verdict.about_population]
        members = [self._judge(sheet, a) for a in answers if not a.verdict.about_population]
        populations = _populations(self.control.id, sheet, members)
        about = [*self.gates.hidden(sheet), *found]
        whole = self._membership(sheet, sum(len(p.subjects) for p in populations), about)
        about.append(whole)
        verdicts = (*sorted(members, key=_order), *sorted(_together(about), key=_order))
        conclusion, why = conclude(sheet, whole, populations, verdicts)
        return ControlResult(
            self.control, self.period.name, conclusion, why, severity(sheet, verdicts), populations, verdicts
        )

    def _judge(self, sheet: Sheet, answer: _Answer) -> Verdict:
        attribute = sheet.attributes[answer.verdict.attribute]
        needs = attribute.needs if answer.needs is None else answer.needs
        judged = self.gates.judge(answer.verdict, attribute, needs, answer.window)
        return self.exemptions.apply(self.control.id, judged, changes=answer.changes, covers=answer.covers)

    def _answers(self, span: _Span) -> list[_Answer]:
        """Answers of every version about the events that it decides about."""
        held = []
        for version in self.control.versions:
            for name, question in version.questions.items():
                held += [a for a in self._ask(version, name, question, span) if self._decides(version, a.verdict)]
        return held

    def _decides(self, version: Version, verdict: Verdict) -> bool:
        at = verdict.event_time or self.period.end - timedelta(microseconds=1)
        return in_force(self.control.versions, at.astimezone(ZoneInfo(self.period.zone)).date()) is version

    def _ask(self, version: Version, name: str, question: str, span: _Span) -> list[_Answer]:
        try:
            cursor = self.con.execute(question, span.parameters(question))
        except duckdb.Error as error:
            raise ControlError(f"{name}: the question cannot be asked: {error}") from error
        columns = [column[0] for column in cursor.description or ()]
        if missing := [column for column in REQUIRED if column not in columns]:
            raise ControlError(f"{name}: column {', '.join(missing)} is missing; it returns {', '.join(columns)}")
        if stray := [column for column in columns if column not in REQUIRED + OPTIONAL]:
            raise ControlError(
                f"{name}: column {', '.join(stray)} is not known; valid are {', '.join(REQUIRED + OPTIONAL)}"
            )
        return [_answer(name, version.sheet, dict(zip(columns, row, strict=True))) for row in cursor.fetchall()]

    def _membership(self, sheet: Sheet, members: int, about: Sequence[Verdict]) -> Verdict:
        """Whether the population is known to be complete, or proved to be empty."""
        key = f"population:{self.period.name}"
        proofs = tuple(sorted({proof for verdict in about for proof in verdict.evidence}))
        if about:
            causes = list(dict.fromkeys(v.reason for v in sorted(about, key=_order)))
            more = f"; and {len(causes) - 1} more" if len(causes) > 1 else ""
            reason = f"not proved complete: {causes[0]}{more}"
            return Verdict(POPULATION, key, MEMBERSHIP, INDETERMINATE, reason, None, proofs)
        if members:
            return Verdict(POPULATION, key, MEMBERSHIP, PASS, f"complete; members: {members}", None, proofs)
        silent = self.gates.silent(s for p in sheet.populations.values() for s in p.silence)
        if silent:
            return Verdict(
                POPULATION, key, MEMBERSHIP, INDETERMINATE, f"emptiness is not proved: {spell(silent)}", None, ()
            )
        return self._positive_control(key)

    def _positive_control(self, key: str) -> Verdict:
        """Ask the same question about a time in which a known record lies; it must find the record."""
        rows = self.con.execute(
            "SELECT record_key, record_time, found, evidence FROM evidence_positive_controls"
            " WHERE query = $id AND record_time IS NOT NULL ORDER BY record_time DESC",
            {"id": self.control.id},
        ).fetchall()
        for record, at, found, evidence in rows:
            drill = _Span(self.span.period, at - _DRILL, at + _DRILL, self.span.freeze_at, self.span.zone)
            seen = {answer.verdict.subject: answer.verdict.evidence for answer in self._answers(drill)}
            if found and record in seen:
                proofs = tuple(sorted({Proof(**evidence), *seen[record]}))
                reason = f"proved empty: every day is complete, and the question finds the known record {record}"
                return Verdict(POPULATION, key, MEMBERSHIP, NOT_APPLICABLE, reason, None, proofs)
        why = "no known record was planted" if not rows else f"the question does not find the known record {rows[0][0]}"
        return Verdict(POPULATION, key, MEMBERSHIP, INDETERMINATE, f"emptiness is not proved: {why}", None, ())


def _answer(name: str, sheet: Sheet, row: Mapping[str, Any]) -> _Answer:
    verdict = Verdict(
        row["population"], row["subject"], row["attribute"], row["verdict"], row["reason"] or "", row["event_time"],
        tuple(Proof(**proof) for proof in row["evidence"] or ()),
    )  # fmt: skip
    if verdict.verdict not in VERDICTS:
        raise ControlError(f"{name}: verdict {verdict.verdict!r} of {verdict.subject}; valid are {', '.join(VERDICTS)}")
    if not verdict.about_population:
        attribute = sheet.attributes.get(verdict.attribute)
        if attribute is None or verdict.population not in attribute.populations:
            raise ControlError(
                f"{name}: attribute {verdict.attribute} of population {verdict.population} is not in {sheet.id}.yaml"
            )
    window = (row.get("window_start") or verdict.event_time, row.get("window_end") or verdict.event_time)
    needs = row.get("needs")
    return _Answer(
        verdict, window, None if needs is None else tuple(needs), tuple(row.get("changes") or ()), row.get("covers")
    )


def _populations(name: str, sheet: Sheet, verdicts: Sequence[Verdict]) -> tuple[Members, ...]:
    """The members of each population, checked: each once per attribute, none left out."""
    seen: dict[str, dict[str, set[str]]] = {population: {} for population in sheet.populations}
    for verdict in verdicts:
        asked = seen[verdict.population].setdefault(verdict.attribute, set())
        if verdict.subject in asked:
            raise ControlError(f"{name}.{verdict.attribute}: {verdict.subject} has more than one verdict")
        asked.add(verdict.subject)
    held = []
    for population, answered in seen.items():
        subjects: set[str] = set().union(*answered.values())
        for letter, attribute in sheet.attributes.items():
            if population in attribute.populations and (lost := subjects - answered.get(letter, set())):
                raise ControlError(f"{name}.{letter}: no verdict for {min(lost)}, a member of {population}")
        held.append(Members(population, tuple(sorted(subjects))))
    return tuple(held)


def _publish(con: duckdb.DuckDBPyConnection, results: Iterable[ControlResult], period: Period) -> None:
    """Put results into the session for the controls that judge them."""
    rows, populations = [], []
    for result in results:
        rows += [
            {
                "control": result.control.id, "population": v.population, "subject": v.subject,
                "attribute": v.attribute,
                "verdict": v.verdict, "reason": v.reason, "event_time": v.event_time,
            }
            for v in result.verdicts
        ]  # fmt: skip
        whole = next(
            v for v in result.verdicts if v.attribute == MEMBERSHIP and v.subject == f"population:{period.name}"
        )
        times = {v.subject: v.event_time for v in result.members() if v.event_time}
        populations.append({
            "control": result.control.id, "members": sum(len(p.subjects) for p in result.populations),
            "verdict": whole.verdict, "reason": whole.reason, "conclusion": result.conclusion,
            "outside": sum(not period.start <= at < period.end for at in times.values()),
        })  # fmt: skip
    for table, columns, held in (
        ("control_results", _RESULTS, rows),
        ("control_populations", _POPULATIONS, populations),
    ):
        con.register("held_rows", arrow_rows(held, columns))
        con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM held_rows")
        con.unregister("held_rows")


def _together(about: Iterable[Verdict]) -> Iterator[Verdict]:
    """One verdict for what several causes say of the same day, or of the period, and attribute."""
    held: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in about:
        held.setdefault((verdict.subject, verdict.attribute, verdict.verdict), []).append(verdict)
    for same in held.values():
        proofs = tuple(sorted({proof for verdict in same for proof in verdict.evidence}))
        causes = list(dict.fromkeys(verdict.reason for verdict in same))
        told = [cause for cause in causes if not any(cause in other for other in causes if other != cause)]
        yield replace(same[0], reason="; ".join(told), evidence=proofs)


def _order(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.population, verdict.subject, verdict.attribute
