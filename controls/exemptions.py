"""What may turn an exception into EXEMPT: a valid waiver (D9), or a satisfied emergency path (CHG-13).

- A waiver is judged as of the event: created before it, valid at it, approved by an authorised person who neither
  asked for it nor benefits. One that was signed later turns nothing green, whatever date it bears: one that was not
  there when its stream was complete counts from when it was seen (view `waivers`).
- The original verdict and finding stay beside it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controls.results import EXCEPTION, EXEMPT, Proof, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import duckdb


@dataclass(frozen=True, slots=True)
class _Waiver:
    """A waiver that its approval does not rule out."""

    id: str
    control: str
    attribute: str | None
    scope: Mapping[str, Any]
    valid_from: datetime
    valid_to: datetime
    created_at: datetime
    evidence: Proof

    def covers(self, control: str, verdict: Verdict, item: Mapping[str, Any]) -> bool:
        at = verdict.event_time
        return (
            at is not None
            and self.control == control
            and self.attribute in (None, verdict.attribute)
            and self.created_at < at
            and self.valid_from <= at < self.valid_to
            and bool(self.scope)
            and all(_within(wanted, item.get(name)) for name, wanted in self.scope.items())
        )


class Exemptions:
    """The waivers and emergency changes of a session."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        waivers = con.execute(
            "SELECT waiver_id, control, attribute, scope, valid_from, valid_to, created_at, evidence"
            " FROM authorised_waivers"
        ).fetchall()
        self._waivers = [
            _Waiver(name, control, attribute, json.loads(scope or "{}"), begin, end, created, Proof(**proof))
            for name, control, attribute, scope, begin, end, created, proof in waivers
        ]
        emergencies = con.execute("SELECT subject, ticket, proofs FROM emergency_changes WHERE satisfied").fetchall()
        self._emergencies = {s: (t, tuple(Proof(**proof) for proof in proofs)) for s, t, proofs in emergencies}

    def apply(self, control: str, verdict: Verdict, *, changes: Sequence[str], covers: str | None) -> Verdict:
        """The verdict, or EXEMPT where it is an exception that a waiver or an emergency path covers."""
        if verdict.verdict != EXCEPTION:
            return verdict
        for change in changes:
            if change in self._emergencies:
                ticket, proofs = self._emergencies[change]
                return _exempt(verdict, f"emergency path of {change} is satisfied (ticket {ticket})", proofs)
        item = json.loads(covers) if covers else {"subject": verdict.subject}
        for waiver in self._waivers:
            if waiver.covers(control, verdict, item):
                return _exempt(verdict, f"waiver {waiver.id}", (waiver.evidence,))
        return verdict


def _exempt(verdict: Verdict, why: str, proofs: Sequence[Proof]) -> Verdict:
    reason = f"exempt by {why}; without it: {verdict.reason}"
    return replace(
        verdict,
        verdict=EXEMPT,
        original=verdict.verdict,
        reason=reason,
        evidence=tuple(sorted({*verdict.evidence, *proofs})),
    )


def _within(wanted: Any, held: Any) -> bool:
    return wanted in held if isinstance(held, list) else wanted == held
