"""The quarter's access review: one campaign a system, one line an account, decided by the manager or owner.

- It opens when 40 % of the period are over, on a listing frozen at that instant, and is completed ten days later;
  a period of less than four weeks has none.
- Every line carries the hash of the listing that the reviewer saw. Whoever has no manager is reviewed by a peer.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING

from demo.systems.stable import iso, number

if TYPE_CHECKING:
    from datetime import datetime

    from demo.model import AccountLink, Company

_SYSTEMS = ("github", "vault", "kubernetes")
_SHORTEST = timedelta(weeks=4)
_LENGTH = timedelta(days=10)
_PEERS = ("W2001", "W2014")


def lines(company: Company, now: datetime) -> list[dict[str, object]]:
    """The lines of the campaigns opened by `now`, with the decisions taken by then."""
    if company.end - company.start < _SHORTEST:
        return []
    opened = (company.start + (company.end - company.start) * 0.4).replace(minute=0, second=0, microsecond=0)
    if opened > now:
        return []
    return [row for system in _SYSTEMS for row in _campaign(company, system, opened, now)]


def _campaign(company: Company, system: str, opened: datetime, now: datetime) -> list[dict[str, object]]:
    valid = [
        link
        for link in company.account_links
        if link.system == system and link.valid_from <= opened and (link.valid_to is None or opened < link.valid_to)
    ]
    listing = [[link.principal_id, _entitlement(company, link)] for link in valid]
    sha256 = hashlib.sha256(json.dumps(listing, separators=(",", ":")).encode()).hexdigest()
    completed = opened + _LENGTH if opened + _LENGTH <= now else None
    rows: list[dict[str, object]] = []
    for n, (link, (principal, entitlement)) in enumerate(zip(valid, listing, strict=True), 1):
        reviewer = _reviewer(company, link)
        at = opened + timedelta(seconds=number(86_400, 9 * 86_400, company.seed, "review", system, link.account_key))
        decided = at <= now
        rows.append(
            {
                "campaign_id": f"UAR-{opened:%Y%m}-{system}",
                "line_id": f"{n:03}",
                "system": system,
                "principal": principal,
                "entitlement": entitlement,
                "opened_at": iso(opened),
                "completed_at": iso(completed) if completed else None,
                "decision": "keep" if decided else None,
                "reviewer": reviewer,
                "decided_by": reviewer if decided else None,
                "decided_at": iso(at) if decided else None,
                "listing_hash": sha256,
            }
        )
    return rows


def _entitlement(company: Company, link: AccountLink) -> dict[str, object]:
    held = company.people.get(link.principal_id)
    return {"account_key": link.account_key, "label": link.label, "roles": list(held.teams) if held else ["machine"]}


def _reviewer(company: Company, link: AccountLink) -> str:
    person = company.people.get(link.principal_id)
    if person is None:
        return company.bots[link.principal_id].owner_id
    return person.manager_id or next(p for p in _PEERS if p != person.worker_id)
