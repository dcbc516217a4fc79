"""User access reviews: a frozen, reconciled listing, independent reviewers, revocations that later listings show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from controls.access_reviews import Campaign, Count, Line, delta, listing, not_carried_out, open_campaign
from controls.memory import session
from evidence.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2024, 3, 1, tzinfo=UTC)
TEAM = {
    "id": 1, "slug": "developers", "_as_of": "2024-02-01T06:00:00Z", "members": [{"id": 1}, {"id": 2}, {"id": 9}],
    "repositories": [{"full_name": "a/b", "permission": "push"}, {"full_name": "a/c", "permission": "admin"}],
}  # fmt: skip
LINKS = [
    {"system": "github", "account_key": key, "principal_id": f"W{key}", "principal_type": "person",
     "valid_from": "2020-01-01T00:00:00Z"} for key in ("1", "2")
]  # fmt: skip
MANAGERS = {"W1": "W2", "W2": "W3"}


def listed(*teams: dict[str, Any], at: datetime = NOW) -> list[Line]:
    """What the snapshots show at an instant."""
    con = session({"gh.team": teams, "identity_link": LINKS}, {}, zone="UTC", now=NOW)
    try:
        return listing(con, at)
    finally:
        con.close()


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    """The listing of one team of three, one of them unknown."""
    return listed(TEAM)


def opened(lines: list[Line], owner: str = "W1", counts: Mapping[str, Count] | None = None) -> Campaign:
    """A campaign on a listing."""
    return open_campaign(
        "UAR-1", lines, owners={"github": owner}, managers=MANAGERS, counts=counts or {"github": Count(3)}, as_of=NOW,
        now=NOW,
    )  # fmt: skip


def test_listing_shows_effective_access_of_everybody(lines: list[Line]) -> None:
    """Each account and entitlement once, unknown accounts too, privileged ones marked; the newest snapshot counts."""
    found = {(line.account, line.principal, line.entitlement, line.privileged) for line in lines}
    later = TEAM | {"_as_of": "2024-02-10T06:00:00Z", "members": [{"id": 1}]}

    assert found == {
        (account, principal, *entitlement)
        for account, principal in (("1", "W1"), ("2", "W2"), ("9", None))
        for entitlement in (("push on a/b", False), ("admin on a/c", True))
    }
    assert {line.account for line in listed(TEAM, later)} == {"1"}
    assert len(listed(TEAM, later, at=datetime(2024, 2, 5, tzinfo=UTC))) == len(lines)


def test_campaign_opens_on_a_reconciled_listing_only(lines: list[Line]) -> None:
    """A difference that nothing explains, or a system that nobody counted, is named and stops the campaign."""
    with pytest.raises(ControlError, match=r"github: 3 accounts are listed, 4 counted"):
        opened(lines, counts={"github": Count(4)})
    with pytest.raises(ControlError, match=r"github: nothing was counted"):
        opened(lines, counts={"vault": Count(0)})
    campaign = opened(lines, counts={"github": Count(4, "one account was made after the listing")})

    assert campaign.records()[0]["reconciliation"]["github"]["counted"] == 4
    assert campaign.records()[0]["frozen_listing_hash"] == campaign.listing_sha256
    assert opened(lines[1:], counts={"github": Count(3)}).listing_sha256 != campaign.listing_sha256


def test_nobody_reviews_own_or_superiors_access(lines: list[Line]) -> None:
    """Lines of the owner, and of whoever is above the owner, go up until the reviewer is independent."""
    reviewers = {line.principal: line.reviewer for line in opened(lines).lines}

    assert reviewers == {"W1": "W2", "W2": "W3", None: "W1"}
    with pytest.raises(ControlError, match=r"nobody may review .* of W2 in github: its owner is not named"):
        opened([line for line in lines if line.principal == "W2"], owner="", counts={"github": Count(1)})
    with pytest.raises(ControlError, match=r"its owner is W3, and nobody above is independent of W3"):
        opened([Line("github", "3", "W3", "push on a/b", privileged=False, via="team")], "W3", {"github": Count(1)})


def test_decisions_are_about_the_frozen_listing_by_its_reviewer(lines: list[Line]) -> None:
    """Another listing, another person, an unknown line or word, and above all one's own access are refused."""
    campaign = opened(lines)
    own = next(line for line in campaign.lines if line.principal == "W1")
    seen = campaign.listing_sha256
    record = campaign.decide(own.id, "revoke", by="W2", at=NOW, seen=seen)

    assert (record["line_id"], record["decision"], record["listing_hash"]) == (own.id, "revoke", seen)
    for by, decision, hashed, message in (
        ("W1", "keep", seen, r"W1 may not review access of W1; W2 reviews"),
        ("W3", "keep", seen, r"W3 is not the reviewer of line \w+; W2 is"),
        ("W2", "maybe", seen, r"valid are keep, revoke, modify"),
        ("W2", "keep", 64 * "0", r"the listing seen is 000000000000…, frozen is"),
    ):
        with pytest.raises(ControlError, match=message):
            campaign.decide(own.id, decision, by=by, at=NOW, seen=hashed)


def test_later_listings_show_the_difference_and_what_was_not_carried_out(lines: list[Line]) -> None:
    """Since the last campaign lines are new, gone or unchanged; a revoked line that is still there is named."""
    later = listed(TEAM | {"members": [{"id": 1}, {"id": 5}]})
    found = delta(later, lines)
    decided = [{"line_id": line.id, "decision": "revoke"} for line in lines]

    assert {line.account for line in found.added} == {"5"}
    assert {line.account for line in found.removed} == {"2", "9"}
    assert {line.account for line in found.kept} == {"1"}
    assert not_carried_out(decided, later) == sorted(line.id for line in found.kept)
