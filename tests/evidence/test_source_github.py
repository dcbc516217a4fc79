"""The GitHub connector: every stream whole, bytes as received, nothing asked twice, gaps told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evidence.capture import Window
from evidence.errors import ConfigError, SourceRejected
from evidence.sources import github
from evidence.sources._patience import Patience
from tests.evidence import small_company
from tests.evidence.keeping import Keeping
from tests.evidence.small_company import DAY, NOW, REPOS, at
from tests.evidence.small_github import TOKEN, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evidence.capture import Outcome
    from evidence.sources.base import Source
    from tests.evidence.small_github import World

STREAMS = [stream.name for stream in github.STREAMS]
CONDITIONAL = [
    stream.name
    for stream in github.STREAMS
    if stream.kind == "snapshot" and stream.name != "github.external_identities"  # GraphQL knows no ETags
]
NEXT = Window(DAY.end, DAY.end + timedelta(days=1))
LATER = NOW + timedelta(days=1)


@pytest.fixture
def world() -> Iterator[World]:
    """A small company that answers."""
    with serving(small_company.world()) as made:
        yield made


def source(world: World, **settings: Any) -> Source:
    """The connector, pointed at it; failures are not waited out in real time."""
    given = {"url": world.url, "organisation": "acme", "repositories": {"ledger": ["main"], "web": ["main"]}}
    return github.connect(given | settings, {"GITHUB_TOKEN": TOKEN}, patience=Patience(sleep=lambda _: None))


def collect(
    asked: Source,
    stream: str,
    *,
    window: Window = DAY,
    cursor: Mapping[str, Any] | None = None,
    keep: Keeping,
    now: Any = NOW,
) -> Outcome:
    """One collection."""
    return asked.collect(stream, window, cursor=cursor or {}, now=now, keep=keep)


def expected(stream: str) -> int:
    """How many records the small company has of a stream."""
    per_repo = {
        "github.pull_requests": 3, "github.reviews": 9, "github.pull_request_commits": 9, "github.issue_events": 6,
        "github.branch_activity": 5, "github.rule_suites": 4, "github.workflow_runs": 4, "github.workflow_jobs": 12,
        "github.deployment_approvals": 3, "github.deployments": 3, "github.deployment_statuses": 6, "git.commits": 5,
        "github.rulesets": 3, "github.branch_protection": 1, "github.environments": 3,
        "github.collaborators": 3,
    }  # fmt: skip
    whole = {"github.audit_log": 7, "github.members": 5, "github.external_identities": 1}
    return whole.get(stream, 0) or per_repo.get(stream, 0) * len(REPOS) or 3


@pytest.mark.parametrize("stream", STREAMS)
def test_every_record_of_every_page_is_kept(world: World, stream: str) -> None:
    """A stream is collected to its last page, and its outcome says that it is whole."""
    keep = Keeping()
    outcome = collect(source(world), stream, keep=keep)
    assert len(keep.records()) == expected(stream)
    assert outcome.complete
    assert outcome.gaps == ()


@pytest.mark.parametrize("stream", STREAMS)
def test_bodies_are_the_bytes_on_the_wire(world: World, stream: str) -> None:
    """A capture is byte for byte what the server wrote, in the order in which it wrote."""
    keep = Keeping()
    collect(source(world), stream, keep=keep)
    assert [keep.bodies[s.capture] for s in keep.sightings] == world.sent


@pytest.mark.parametrize("stream", STREAMS)
def test_the_token_is_in_no_sighting(world: World, stream: str) -> None:
    """A credential never reaches what is kept or said."""
    keep = Keeping()
    asked = source(world)
    collect(asked, stream, keep=keep)
    assert TOKEN not in json.dumps([s.as_json() for s in keep.sightings]) + repr(asked)
    world.fault = lambda _number, _path: "revoked"
    with pytest.raises(SourceRejected, match="401") as refused:
        collect(asked, stream, keep=keep.again())
    assert TOKEN not in str(refused.value) + refused.value.next_step


@pytest.mark.parametrize("stream", CONDITIONAL)
def test_an_unchanged_snapshot_is_seen_again_and_stored_once(world: World, stream: str) -> None:
    """The cursor's ETags bring 304, which is noted with the new time of asking; another process knows them too."""
    keep = Keeping()
    first = collect(source(world), stream, keep=keep)
    known, again = len(keep.bodies), keep.again()
    collect(source(world), stream, cursor=first.cursor, keep=again, now=LATER)
    assert len(again.bodies) == known
    assert again.records() == keep.records()
    statuses = {s.response["status"] for s in again.sightings}
    assert statuses == ({404} if stream == "github.branch_protection" else {304})
    assert {s.context.get("_as_of") for s in again.usable()} == {"2026-07-04T06:00:00Z"}


def test_context_says_what_else_stood_in_the_question(world: World) -> None:
    """The normaliser reads repository, pull request, run, branch and time of asking from the sighting."""
    asked = source(world)
    contexts = {}
    for stream in STREAMS:
        keep = Keeping()
        collect(asked, stream, keep=keep)
        contexts[stream] = set(keep.usable()[0].context)
    assert contexts["github.reviews"] == {"_repo", "_pull_number"}
    assert contexts["github.issue_events"] == {"_repo", "_issue"}
    assert contexts["github.workflow_jobs"] == {"_repo", "_run_id"}
    assert contexts["git.commits"] == {"_repo", "_branch"}
    assert contexts["github.branch_protection"] == {"_repo", "_branch", "_as_of"}
    assert contexts["github.members"] == {"_as_of"}
    assert contexts["github.audit_log"] == set()


def test_one_listing_serves_a_pull_request_and_all_that_hangs_on_it(world: World) -> None:
    """Parents are listed once per window, whoever asks first; a stream that asks a second time lists anew."""
    asked = source(world)
    for stream in ("github.pull_requests", "github.reviews", "github.pull_request_commits", "github.issue_events"):
        collect(asked, stream, keep=Keeping())
    listings = [path for path in world.asked if path.startswith("/repos/acme/ledger/pulls?")]
    assert len(listings) == 2  # two pages
    collect(asked, "github.reviews", keep=Keeping())
    assert sum(path.startswith("/repos/acme/ledger/pulls?") for path in world.asked) > 2


def test_all_repositories_are_those_that_the_token_sees(world: World) -> None:
    """`repositories: all` asks the organisation, and each repository for its default branch."""
    keep = Keeping()
    collect(source(world, repositories="all"), "git.commits", keep=keep)
    assert {s.context["_repo"] for s in keep.usable()} == set(REPOS)
    assert len(keep.records()) == expected("git.commits")


def test_a_refusal_names_the_permission(world: World) -> None:
    """Whoever reads the error knows which permission the token lacks."""
    world.fault = lambda _number, _path: "forbidden"
    with pytest.raises(SourceRejected, match=r"403.*Actions: read.*administration=read"):
        collect(source(world), "github.environments", keep=Keeping())


def test_unprotected_is_evidence_and_hidden_is_a_refusal(world: World) -> None:
    """Only GitHub's own "Branch not protected" is an answer; a bare 404 may hide a missing permission."""
    keep = Keeping()
    collect(source(world), "github.branch_protection", keep=keep)
    assert {s.response["status"] for s in keep.sightings} == {404}
    world.missing.clear()
    with pytest.raises(SourceRejected, match="Administration: read"):
        collect(source(world), "github.branch_protection", keep=Keeping())


def test_what_retention_removed_is_a_gap(world: World) -> None:
    """Git events are kept 7 days, audit events 180: the part of the window before that is named."""
    late = collect(source(world), "github.audit_log", keep=Keeping(), now=DAY.start + timedelta(days=7, hours=12))
    assert [(g.start, g.end, g.recoverable_from) for g in late.gaps] == [
        (DAY.start, DAY.start + timedelta(hours=12), "github.branch_activity")
    ]
    assert not late.complete
    web = collect(source(world, audit_log="web"), "github.audit_log", keep=Keeping(), now=NOW + timedelta(days=200))
    assert [gap.cause for gap in web.gaps] == ["audit events are kept 180 days"]
    suites = collect(source(world), "github.rule_suites", keep=Keeping(), now=NOW + timedelta(days=40))
    assert [gap.cause for gap in suites.gaps] == ["GitHub lists rule suites of the last month only"]


def test_settings_are_checked_with_what_was_found() -> None:
    """A wrong setting is said before anything is asked, and the variable that lacks is named."""
    with pytest.raises(ConfigError, match="unknown setting 'organization'"):
        github.connect({"organization": "acme"}, {})
    with pytest.raises(ConfigError, match="MY_TOKEN is empty"):
        github.connect({"organisation": "acme", "token_from": "MY_TOKEN"}, {})
    with pytest.raises(ConfigError, match="named without its owner"):
        github.connect({"organisation": "acme", "repositories": ["acme/web"]}, {"GITHUB_TOKEN": TOKEN})


def test_the_token_follows_no_redirect_to_another_host(world: World) -> None:
    """A renamed repository is followed on the same host; the token goes nowhere else."""
    world.moved["/repos/acme/ledger/environments"] = f"{world.url}/repos/acme/web/environments?per_page=100"
    keep = Keeping()
    collect(source(world), "github.environments", keep=keep)
    assert len(keep.usable()) == 4
    world.moved["/repos/acme/ledger/environments"] = "https://elsewhere.example/x"
    with pytest.raises(SourceRejected, match=r"redirects to 'elsewhere\.example'"):
        collect(source(world), "github.environments", keep=Keeping())


def test_the_next_window_asks_for_what_changed_only(world: World) -> None:
    """A cursor spares what is known: only the pull request that moved is fetched again, whatever the window."""
    asked, keep = source(world), Keeping()
    first = collect(asked, "github.pull_requests", keep=keep)
    moved = small_company.pull(2, at(30), base=1000)
    listing = world.lists["/repos/acme/ledger/pulls"]
    world.lists["/repos/acme/ledger/pulls"] = [moved, *(p for p in listing if p["number"] != 2)]
    world.single["/repos/acme/ledger/pulls/2"] = moved | {"merged_by": None}
    for process in (asked, source(world)):
        later = keep.again()
        second = collect(process, "github.pull_requests", window=NEXT, cursor=first.cursor, keep=later, now=LATER)
        assert [s.context["_pull_number"] for s in later.usable()] == [2]
        assert second.cursor["repositories"]["acme/ledger"]["to"] == at(30)


def test_a_change_within_the_last_minutes_is_asked_again(world: World) -> None:
    """Two changes may carry one second: a token that was not quiet for two minutes is not trusted."""
    asked, keep = source(world), Keeping()
    soon = DAY.start + timedelta(hours=19, seconds=30)
    first = collect(asked, "github.pull_requests", keep=keep, now=soon)
    later = keep.again()
    collect(asked, "github.pull_requests", window=NEXT, cursor=first.cursor, keep=later, now=LATER)
    assert [s.context["_pull_number"] for s in later.usable()] == [1, 1]  # of both repositories


def test_an_earlier_window_is_filled_in_and_leaves_no_hole(world: World) -> None:
    """Windows may come in any order: what lies before the covered stretch is listed down to its start."""
    asked, keep = source(world), Keeping()
    first = collect(asked, "github.branch_activity", window=NEXT, keep=keep, now=LATER)
    assert len(keep.records()) == 0 or first.cursor["repositories"]["acme/web"]["from"] == "2026-07-02T23:00:00Z"
    before = keep.again()
    second = collect(asked, "github.branch_activity", cursor=first.cursor, keep=before, now=LATER)
    assert len(before.records()) == expected("github.branch_activity")
    assert second.cursor["repositories"]["acme/web"]["from"] == "2026-07-01T23:00:00Z"


def test_a_listing_out_of_order_is_read_to_its_end(world: World) -> None:
    """The end of a listing is trusted to be old only while the listing is seen to be in order."""
    for repo in REPOS:
        listing = world.lists[f"/repos/{repo}/activity"]
        old = [{"id": 1, "timestamp": at(0, days=-9)}, {"id": 2, "timestamp": at(0, days=-8)}]
        world.lists[f"/repos/{repo}/activity"] = old + listing
    keep = Keeping()
    collect(source(world), "github.branch_activity", keep=keep)
    assert len(keep.records()) == expected("github.branch_activity") + 2 * len(REPOS)
