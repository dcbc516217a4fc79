"""User access reviews: a campaign on a frozen listing that was reconciled before anybody decided about it.

- The listing is what the snapshots show at one instant: people, machines, and accounts that nobody is known behind. Its
  digest freezes it; a decision names the digest of the listing that was seen, and another one's counts for nothing.
- A campaign opens only if, per system, the accounts listed are as many as were counted otherwise, or the difference is
  explained. It shows what is new, gone and unchanged since the last one.
- Nobody certifies their own access or that of anybody above them: such a line goes up from its owner until it does not.
- A revocation is a promise. Whether it was kept is read from later listings here, and from the logs by APD-05.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from controls.results import instant_text
from evidence.canonical import canonical, sha256
from evidence.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import duckdb

DECISIONS = ("keep", "revoke", "modify")
_HIGHEST = 20  # managers above an owner that a line may go up to

_LISTING = """
WITH newest AS (
    SELECT system, list, max(as_of) AS as_of FROM entitlements WHERE as_of <= $at GROUP BY system, list
)
SELECT e.system, e.account, any_value(p.principal_id), e.entitlement, bool_or(e.privileged),
    string_agg(DISTINCT e.via, ', ' ORDER BY e.via)
FROM entitlements AS e
JOIN newest AS n ON n.system = e.system AND n.list = e.list AND n.as_of = e.as_of
LEFT JOIN principals AS p ON p.system = e.system AND p.account_key = e.account
    AND $at >= p.valid_from AND (p.valid_to IS NULL OR $at < p.valid_to)
GROUP BY e.system, e.account, e.entitlement
ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One entitlement of one account; `principal` is None where nobody is known behind it."""

    system: str
    account: str
    principal: str | None
    entitlement: str
    privileged: bool
    via: str
    reviewer: str = ""

    @property
    def id(self) -> str:
        """The same in every campaign: of system, account and entitlement."""
        return sha256(canonical([self.system, self.account, self.entitlement]))[:16]


class Count(NamedTuple):
    """How many accounts a system has by another count, and what explains a difference."""

    accounts: int
    explanation: str = ""


class Delta(NamedTuple):
    """Lines since the last campaign."""

    added: tuple[Line, ...]
    removed: tuple[Line, ...]
    kept: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Campaign:
    """An open campaign.

    Attributes:
        id: its name.
        as_of: the instant that the listing shows.
        opened_at: when it was opened.
        lines: the frozen listing, each line with its reviewer.
        reconciliation: system -> accounts listed, counted, and what explains the difference.
    """

    id: str
    as_of: datetime
    opened_at: datetime
    lines: tuple[Line, ...]
    reconciliation: Mapping[str, Mapping[str, Any]]

    @property
    def listing_sha256(self) -> str:
        """Digest that freezes the listing."""
        return sha256(canonical([asdict(line) | {"line_id": line.id} for line in self.lines]))

    def records(self) -> list[dict[str, Any]]:
        """The campaign and its lines as records of `company.access_reviews`, before anything is decided."""
        common = {"campaign_id": self.id, "opened_at": instant_text(self.opened_at)}
        head = {
            **common, "frozen_listing_hash": self.listing_sha256, "as_of": instant_text(self.as_of),
            "lines": len(self.lines), "reconciliation": dict(self.reconciliation),
        }  # fmt: skip
        return [head, *(common | self._line(line) for line in self.lines)]

    def decide(self, line_id: str, decision: str, *, by: str, at: datetime, seen: str) -> dict[str, Any]:
        """The record of one decision.

        Args:
            line_id: which line.
            decision: one of `DECISIONS`.
            by: worker who decides.
            at: when.
            seen: digest of the listing that they saw.

        Raises:
            ControlError: another listing, no such line or decision, or somebody who may not decide about it.
        """
        line = next((line for line in self.lines if line.id == line_id), None)
        if seen != self.listing_sha256:
            raise ControlError(f"{self.id}: the listing seen is {seen[:12]}…, frozen is {self.listing_sha256[:12]}…")
        if line is None or decision not in DECISIONS:
            raise ControlError(
                f"{self.id}: {decision} of line {line_id}; valid are {', '.join(DECISIONS)} of its lines"
            )
        if by == line.principal:
            raise ControlError(f"{self.id}: {by} may not review access of {by}; {line.reviewer} reviews line {line_id}")
        if by != line.reviewer:
            raise ControlError(f"{self.id}: {by} is not the reviewer of line {line_id}; {line.reviewer} is")
        return {
            "campaign_id": self.id, "opened_at": instant_text(self.opened_at), **self._line(line), "decision": decision,
            "decided_by": by, "decided_at": instant_text(at), "listing_hash": seen,
        }  # fmt: skip

    @staticmethod
    def _line(line: Line) -> dict[str, Any]:
        return {
            "line_id": line.id, "system": line.system, "account_key": line.account, "principal": line.principal,
            "entitlement": line.entitlement, "privileged": line.privileged, "via_path": line.via,
            "reviewer": line.reviewer,
        }  # fmt: skip


def listing(con: duckdb.DuckDBPyConnection, at: datetime) -> list[Line]:
    """Every entitlement that the newest snapshots before `at` show, without reviewers."""
    return [Line(*row) for row in con.execute(_LISTING, {"at": at}).fetchall()]


def open_campaign(
    name: str,
    lines: Sequence[Line],
    *,
    owners: Mapping[str, str],
    managers: Mapping[str, str],
    counts: Mapping[str, Count],
    as_of: datetime,
    now: datetime,
) -> Campaign:
    """Freeze a listing that was reconciled, each line with an independent reviewer.

    Args:
        name: of the campaign.
        lines: the listing.
        owners: system -> worker who owns it.
        managers: worker -> manager, as HR states them.
        counts: system -> accounts by another count; a system in it that nothing is listed of is missing.
        as_of: the instant that the listing shows.
        now: when the campaign opens.

    Raises:
        ControlError: the listing is not reconciled, or a line has nobody who may review it.
    """
    listed = {system: len({line.account for line in lines if line.system == system}) for system in counts}
    stray = sorted({line.system for line in lines} - set(counts))
    wrong = [
        f"{system}: {listed[system]} accounts are listed, {count.accounts} counted"
        for system, count in sorted(counts.items())
        if listed[system] != count.accounts and not count.explanation.strip()
    ] + [f"{system}: nothing was counted" for system in stray]
    if wrong:
        raise ControlError(
            f"{name} does not open: {'; '.join(wrong)}",
            next_step="Collect the snapshots again, or explain the difference; a review of half a list is none.",
        )
    reconciliation = {
        system: {"listed": listed[system], "counted": count.accounts, "explanation": count.explanation}
        for system, count in sorted(counts.items())
    }
    routed = tuple(_routed(line, owners, managers) for line in lines)
    return Campaign(name, as_of, now, routed, reconciliation)


def delta(now: Iterable[Line], before: Iterable[Line]) -> Delta:
    """What is new, gone and unchanged since the last campaign, by line."""
    held, earlier = {line.id: line for line in now}, {line.id: line for line in before}
    return Delta(
        tuple(line for key, line in held.items() if key not in earlier),
        tuple(line for key, line in earlier.items() if key not in held),
        tuple(line for key, line in held.items() if key in earlier),
    )


def not_carried_out(decided: Iterable[Mapping[str, Any]], later: Iterable[Line]) -> list[str]:
    """Lines that were to be revoked and are in a later listing all the same."""
    there = {line.id for line in later}
    return sorted(row["line_id"] for row in decided if row["decision"] == "revoke" and row["line_id"] in there)


def _routed(line: Line, owners: Mapping[str, str], managers: Mapping[str, str]) -> Line:
    """The line with the first of its owner and those above them who is independent of its principal."""
    candidate = owners.get(line.system) or None
    for _ in range(_HIGHEST):
        if candidate is None or (candidate != line.principal and line.principal not in _above(candidate, managers)):
            break
        candidate = managers.get(candidate)
    if candidate is None:
        who = line.principal or line.account
        raise ControlError(
            f"nobody may review {line.entitlement} of {who} in {line.system}: its owner is"
            f" {owners.get(line.system) or 'not named'}, and nobody above is independent of {who}",
            next_step="Name an owner of the system who is neither the subject nor works for them.",
        )
    return Line(**(asdict(line) | {"reviewer": candidate}))


def _above(worker: str, managers: Mapping[str, str]) -> list[str]:
    chain: list[str] = []
    while (boss := managers.get(worker)) and boss not in chain:
        chain.append(boss)
        worker = boss
    return chain
