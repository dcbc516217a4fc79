"""Every fault at every request: after the retries the records are those of an undisturbed collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from evidence.errors import SourceRejected, SourceUnavailable
from evidence.sources import github
from evidence.sources._patience import Patience
from tests.evidence import small_company
from tests.evidence.keeping import Keeping
from tests.evidence.small_company import DAY, NOW
from tests.evidence.small_github import FAULTS_TO_SURVIVE, TOKEN, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evidence.sources.base import Source
    from tests.evidence.small_github import World

STREAMS = (
    "github.audit_log",
    "github.reviews",
    "github.workflow_jobs",
    "github.rulesets",
    "github.external_identities",
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One small company for all faults: they change nothing in it."""
    with serving(small_company.world()) as made:
        yield made


@pytest.fixture
def waits() -> list[float]:
    """What the connector waited, in seconds."""
    return []


def connect(world: World, sleep: Callable[[float], Any], *, attempts: int = 6) -> Source:
    """The connector for one repository, with a time-out that a test can wait for."""
    given = {"url": world.url, "organisation": "acme", "repositories": {"ledger": ["main"]}, "timeout": 0.2}
    return github.connect(given, {"GITHUB_TOKEN": TOKEN}, patience=Patience(sleep=sleep, attempts=attempts))


def undisturbed(world: World, stream: str) -> tuple[set[str], int]:
    """The records of a collection without faults, and how many requests it took."""
    world.fault, world.asked = (lambda _number, _path: ""), []
    keep = Keeping()
    connect(world, lambda _: None).collect(stream, DAY, cursor={}, now=NOW, keep=keep)
    return keep.records(), len(world.asked)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("fault", FAULTS_TO_SURVIVE)
def test_each_fault_at_each_page_is_survived(world: World, waits: list[float], fault: str, stream: str) -> None:
    """Whatever breaks, wherever it breaks, no record is lost and none is added."""
    records, requests = undisturbed(world, stream)
    pages = (0, requests - 1) if fault == "timeout" else range(requests)
    for broken in pages:
        world.asked = []
        world.fault = lambda number, _path, broken=broken: fault if number == broken else ""  # type: ignore[misc]
        keep = Keeping()
        outcome = connect(world, waits.append).collect(stream, DAY, cursor={}, now=NOW, keep=keep)
        assert keep.records() == records, f"at request {broken}"
        assert outcome.complete
        assert any("retried" in s.response for s in keep.sightings)
    assert len(waits) >= len(list(pages))


def test_answers_that_are_no_answers_are_kept_and_marked(world: World) -> None:
    """An HTML page or a cut-off body is in the locker with the reason why it holds no records."""
    world.asked, world.fault = [], lambda number, _path: ("html", "cut json", "empty", "")[min(number, 3)]
    keep = Keeping()
    connect(world, lambda _: None).collect("github.members", DAY, cursor={}, now=NOW, keep=keep)
    marks = [s.response.get("unusable", "")[:24] for s in keep.sightings[:4]]
    assert marks == ["the body is HTML (29 byt", "the body is no whole JSO", "the body is empty", ""]
    assert keep.bodies[keep.sightings[0].capture].startswith(b"<!DOCTYPE html>")


def test_a_told_wait_is_kept_and_our_own_grows(world: World, waits: list[float]) -> None:
    """Retry-After and the rate limit's reset are obeyed to the second; else the wait doubles, with jitter."""
    plan = ("429 retry-after", "403 primary", "500", "500", "500", "")
    world.asked, world.fault = [], lambda number, _path: plan[min(number, 5)]
    connect(world, waits.append).collect("github.members", DAY, cursor={}, now=NOW, keep=Keeping())
    assert waits[:2] == [7.0, 61.0]
    assert all(low <= wait <= 2 * low for low, wait in zip((2, 4, 8), waits[2:], strict=True))


def test_patience_ends(world: World, waits: list[float]) -> None:
    """After the attempts allowed the source is unavailable, and the message says what was asked and found."""
    world.asked, world.fault = [], lambda _number, _path: "503"
    with pytest.raises(SourceUnavailable, match=r"GET /orgs/acme/members.*3 attempts.*status 503"):
        connect(world, waits.append, attempts=3).collect("github.members", DAY, cursor={}, now=NOW, keep=Keeping())
    assert len(waits) == 2


def test_too_long_a_wait_is_not_sat_out(world: World) -> None:
    """A rate limit that resets in hours is reported, not slept through."""
    world.asked, world.fault = [], lambda _number, _path: "403 primary"
    patience = Patience(sleep=lambda _: None, longest_told=30)
    given = {"url": world.url, "organisation": "acme", "repositories": ["ledger"]}
    asked = github.connect(given, {"GITHUB_TOKEN": TOKEN}, patience=patience)
    with pytest.raises(SourceUnavailable, match=r"asked to wait 61 s; we wait 30 s"):
        asked.collect("github.members", DAY, cursor={}, now=NOW, keep=Keeping())


@pytest.mark.parametrize("stream", STREAMS)
def test_a_token_revoked_half_way_ends_the_collection(world: World, stream: str) -> None:
    """A refusal is not retried and gives no outcome, so that no receipt can come of it."""
    _, requests = undisturbed(world, stream)
    world.asked, world.fault = [], lambda number, _path: "revoked" if number >= requests // 2 else ""
    with pytest.raises(SourceRejected, match="401"):
        connect(world, lambda _: None).collect(stream, DAY, cursor={}, now=NOW, keep=Keeping())
    assert len(world.asked) == requests // 2 + 1


def test_records_that_arrive_while_paging_push_none_out(world: World) -> None:
    """A list whose head grows between two pages shows some records twice, and misses none."""
    path = "/repos/acme/ledger/pulls"
    records, _ = undisturbed(world, "github.pull_requests")
    before = world.lists[path]

    def arrive(number: int, _path: str) -> str:
        if number == 1:
            world.lists[path] = [small_company.pull(4, small_company.at(29), base=1000), *before]
        return ""

    world.asked, world.fault = [], arrive
    world.single[f"{path}/4"] = small_company.pull(4, small_company.at(29), base=1000)
    keep = Keeping()
    connect(world, lambda _: None).collect("github.pull_requests", DAY, cursor={}, now=NOW, keep=keep)
    world.lists[path] = before
    assert keep.records() >= records


@pytest.mark.parametrize("stream", ["github.workflow_jobs", "github.environments", "github.workflow_runs"])
def test_an_order_that_changes_while_paging_is_noticed(world: World, stream: str) -> None:
    """Where GitHub tells a total, a record that slipped between two pages is found by listing again."""
    records, _ = undisturbed(world, stream)
    before = dict(world.keyed)
    turned: list[str] = []

    def turn(_number: int, path: str) -> str:
        here = path.partition("?")[0]
        if "page=2" in path and here not in turned:
            turned.append(here)
            world.keyed[here] = (before[here][0], before[here][1][::-1])
        return ""

    world.asked, world.fault = [], turn
    keep = Keeping()
    outcome = connect(world, lambda _: None).collect(stream, DAY, cursor={}, now=NOW, keep=keep)
    world.keyed = before
    assert turned
    assert keep.records() == records
    assert outcome.complete


def test_an_expired_cursor_restarts_the_listing(world: World) -> None:
    """A cursor that GitHub forgot costs pages, not records; one that it forgets again and again is told."""
    records, _ = undisturbed(world, "github.audit_log")
    world.asked, world.fault = [], lambda number, _path: "cursor gone" if number == 2 else ""
    keep = Keeping()
    connect(world, lambda _: None).collect("github.audit_log", DAY, cursor={}, now=NOW, keep=keep)
    assert keep.records() == records
    world.asked, world.fault = [], lambda _number, path: "cursor gone" if "after=" in path else ""
    with pytest.raises(SourceRejected, match="the cursor expired"):
        connect(world, lambda _: None).collect("github.audit_log", DAY, cursor={}, now=NOW, keep=Keeping())


def test_what_a_failed_collection_saw_is_not_taken_for_known(world: World) -> None:
    """After a failure the same source asks everything again: nothing counts as received."""
    records, _ = undisturbed(world, "github.reviews")
    asked = connect(world, lambda _: None)
    world.asked, world.fault = [], lambda number, _path: "revoked" if number == 4 else ""
    with pytest.raises(SourceRejected, match="401"):
        asked.collect("github.reviews", DAY, cursor={}, now=NOW, keep=Keeping())
    world.fault = lambda _number, _path: ""
    keep = Keeping()
    asked.collect("github.reviews", DAY, cursor={}, now=NOW, keep=keep)
    assert keep.records() == records


def test_another_store_than_the_remembered_one_is_given_the_bytes(world: World) -> None:
    """304 is of use only where the earlier body is: without it the question is asked without the ETag."""
    world.fault, world.asked = (lambda _number, _path: ""), []
    asked = connect(world, lambda _: None)
    first, other = Keeping(), Keeping()
    asked.collect("github.members", DAY, cursor={}, now=NOW, keep=first)
    asked.collect("github.members", DAY, cursor={}, now=NOW, keep=other)
    assert other.records() == first.records()


def test_paging_that_leads_back_is_told(world: World) -> None:
    """A next link to a page that was read would never end."""
    world.fault, world.asked, world.loop = (lambda _number, _path: ""), [], True
    try:
        with pytest.raises(SourceUnavailable, match="paging would not end"):
            connect(world, lambda _: None).collect("github.members", DAY, cursor={}, now=NOW, keep=Keeping())
    finally:
        world.loop = False
