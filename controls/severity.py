"""Propose how grave exceptions are, alone and together, and keep a named person's decision beside each proposal.

- One control: the gravest that its attributes with an exception propose.
- Together: exceptions of two or more controls that meet in one system, one person or one domain propose one step more
  than the gravest of them. Deficiencies of IT controls rarely matter alone; what was found to matter was a combination.
- A proposal is never an evaluation. It commits to its exceptions by digest; a decision about other exceptions is stale
  and counts for nothing.
- Whoever decides gives a reason, and does not decide about a group that is their own person.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controls.conclude import SEVERITIES, severity
from controls.results import EXCEPTION
from evidence.canonical import canonical, sha256
from evidence.errors import ControlError
from evidence.ledger.statements import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from controls.results import ControlResult, Verdict
    from controls.sheet import Sheet

NO_DEFICIENCY = "no deficiency"
DECISIONS = (NO_DEFICIENCY, *SEVERITIES)
"""What may be decided, the least grave first."""

_SYSTEM = (
    "repo",
    "asset",
    "state",
    "service",
    "namespace",
    "system",
)  # groups of a subject's pattern, the surest first


@dataclass(frozen=True, slots=True)
class Proposal:
    """A severity that exceptions propose together.

    Attributes:
        period: the period's name.
        grouped_by: `control`, `system`, `person` or `domain`.
        group: which one.
        severity: one of `SEVERITIES`.
        exceptions: control, attribute and subject of each, sorted.
        why: what the proposal rests on, in words.
    """

    period: str
    grouped_by: str
    group: str
    severity: str
    exceptions: tuple[tuple[str, str, str], ...]
    why: str

    @property
    def sha256(self) -> str:
        """Digest that commits to what is proposed about which exceptions."""
        return sha256(canonical(self.as_json()))

    def as_json(self) -> dict[str, Any]:
        """As it is printed and committed to."""
        return {
            "period": self.period, "grouped_by": self.grouped_by, "group": self.group, "severity": self.severity,
            "exceptions": [list(exception) for exception in self.exceptions], "why": self.why,
        }  # fmt: skip


def proposals(results: Sequence[ControlResult]) -> list[Proposal]:
    """Every proposal about the results of one period, by what it groups by, and group."""
    found = [_alone(result) for result in results if result.of(EXCEPTION)]
    groups: dict[tuple[str, str], dict[str, list[Verdict]]] = defaultdict(lambda: defaultdict(list))
    sheets = {result.control.id: result.control.sheet for result in results}
    for result in results:
        for verdict in result.of(EXCEPTION):
            for key in _groups(result.control.sheet, verdict):
                groups[key][result.control.id].append(verdict)
    period = results[0].period if results else ""
    found += [_together(period, key, held, sheets) for key, held in groups.items() if len(held) > 1]
    return sorted(found, key=lambda p: (p.grouped_by, p.group))


def decide(proposal: Proposal, decided: str, *, by: str, reason: str) -> Decision:
    """The statement of a person's decision about a proposal, to be logged.

    Raises:
        ControlError: a severity that is not known, no name, no reason, or a person who decides about themselves.
    """
    if decided not in DECISIONS:
        raise ControlError(f"severity {decided!r} is not known; valid are {', '.join(DECISIONS)}")
    if not by.strip() or not reason.strip():
        raise ControlError("a decision needs a person and a reason; both are kept beside the proposal")
    if proposal.grouped_by == "person" and proposal.group == by:
        raise ControlError(
            f"{by} cannot decide about exceptions of {by}", next_step="Let somebody else decide, and name them by --by."
        )
    return Decision(
        proposal.period, proposal.grouped_by, proposal.group, proposal.severity, proposal.sha256, decided, by, reason
    )


def decisions(
    found: Iterable[Proposal], stated: Iterable[Mapping[str, Any]]
) -> list[tuple[Proposal, Mapping[str, Any] | None]]:
    """Each proposal with the last decision about just it, or None.

    Args:
        found: the proposals.
        stated: decisions as the ledger holds them, in its order.
    """
    last = {held["proposal_sha256"]: held for held in stated}
    return [(proposal, last.get(proposal.sha256)) for proposal in found]


def _alone(result: ControlResult) -> Proposal:
    failed = result.of(EXCEPTION)
    members = sum(len(population.subjects) for population in result.populations)
    why = f"{len({v.subject for v in failed})} of {members} members; {result.control.sheet.severity}"
    return Proposal(
        result.period, "control", result.control.id, severity(result.control.sheet, result.verdicts) or SEVERITIES[0],
        _keys({result.control.id: failed}), why,
    )  # fmt: skip


def _together(
    period: str, key: tuple[str, str], held: Mapping[str, Sequence[Verdict]], sheets: Mapping[str, Sheet]
) -> Proposal:
    alone = {control: severity(sheets[control], verdicts) or SEVERITIES[0] for control, verdicts in held.items()}
    gravest = max(alone.values(), key=SEVERITIES.index)
    raised = SEVERITIES[min(SEVERITIES.index(gravest) + 1, len(SEVERITIES) - 1)]
    why = f"{', '.join(f'{c} ({s})' for c, s in sorted(alone.items()))} meet in one {key[0]}"
    return Proposal(period, *key, raised, _keys(held), why)


def _groups(sheet: Sheet, verdict: Verdict) -> list[tuple[str, str]]:
    """What an exception is grouped by: its system and its person, as its subject names them, and its domain."""
    matched = re.fullmatch(sheet.populations[verdict.population].pattern, verdict.subject)
    named = matched.groupdict() if matched else {}
    found: list[tuple[str, str]] = [("domain", sheet.domain)]
    if system := next((named[group] for group in _SYSTEM if named.get(group)), None):
        found.append(("system", system))
    if named.get("person"):
        found.append(("person", named["person"]))
    return found


def _keys(held: Mapping[str, Sequence[Verdict]]) -> tuple[tuple[str, str, str], ...]:
    return tuple(sorted({(control, v.attribute, v.subject) for control, verdicts in held.items() for v in verdicts}))
