"""The GitHub connector on what changes after it was first seen: runs, deployments, branches."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evidence.capture import Window
from evidence.sources import github
from evidence.sources._patience import Patience
from tests.evidence import small_company
from tests.evidence.keeping import Keeping
from tests.evidence.small_company import DAY, NOW, at, commit, run
from tests.evidence.small_github import TOKEN, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evidence.capture import Outcome
    from evidence.sources.base import Source
    from tests.evidence.small_github import World

LEDGER = "/repos/acme/ledger"
RUNS = f"{LEDGER}/actions/runs"
NEXT = Window(DAY.end, DAY.end + timedelta(days=1))
LATER = NOW + timedelta(days=1)


@pytest.fixture
def world() -> Iterator[World]:
    """A small company that answers."""
    with serving(small_company.world()) as made:
        yield made


@pytest.fixture
def asked(world: World) -> Source:
    """The connector, pointed at its ledger repository."""
    return connect(world)


def connect(world: World, **settings: Any) -> Source:
    """The connector for one repository."""
    given = {"url": world.url, "organisation": "acme", "repositories": {"ledger": ["main"]}, **settings}
    return github.connect(given, {"GITHUB_TOKEN": TOKEN}, patience=Patience(sleep=lambda _: None))


def collect(
    asked: Source, stream: str, keep: Keeping, *, cursor: Mapping[str, Any] | None = None, window: Window = DAY
) -> Outcome:
    """One collection."""
    now = NOW if window == DAY else LATER
    return asked.collect(stream, window, cursor=cursor or {}, now=now, keep=keep)


def runs_seen(keep: Keeping) -> set[tuple[Any, Any]]:
    """Run ids and attempts that were kept as records, of any stream."""
    return {(s.context.get("_run_id"), s.request.rpartition("/attempts/")[2].partition("/")[0]) for s in keep.usable()}


def add_run(world: World, item: dict[str, Any], *, listed: bool = True) -> None:
    """Let the company know of a run."""
    if listed:
        world.keyed[RUNS][1].append(item)
    world.single[f"{RUNS}/{item['id']}"] = item
    world.lists[f"{RUNS}/{item['id']}/approvals"] = []
    for attempt in range(1, item["run_attempt"] + 1):
        world.keyed[f"{RUNS}/{item['id']}/attempts/{attempt}/jobs"] = ("jobs", [{"id": item["id"] * 10 + attempt}])
        world.single[f"{RUNS}/{item['id']}/attempts/{attempt}"] = item | {"run_attempt": attempt}


def test_more_than_a_thousand_runs_are_asked_in_halves(world: World, asked: Source) -> None:
    """A filtered list ends at 1,000: the stretch is halved until each part has fewer."""
    world.per_page = 100
    world.keyed[RUNS] = ("workflow_runs", [run(n, created=at(n % 1440 / 60)) for n in range(1, 2501)])
    keep = Keeping()
    outcome = collect(asked, "github.workflow_runs", keep)
    assert len(keep.records()) == 2500
    assert outcome.complete
    assert max(outcome.totals.values()) <= 1000


def test_a_second_with_too_many_runs_is_a_gap(world: World, asked: Source) -> None:
    """What cannot be halved any more is told, with the second that it concerns."""
    world.per_page = 100
    world.keyed[RUNS] = ("workflow_runs", [run(n, created=at(3)) for n in range(1, 1003)])
    outcome = collect(asked, "github.workflow_runs", Keeping())
    assert not outcome.complete
    assert [gap.start.isoformat() for gap in outcome.gaps] == ["2026-07-02T03:00:00+00:00"]


def test_a_listing_shorter_than_its_own_count_is_listed_again_and_then_a_gap(world: World, asked: Source) -> None:
    """GitHub's total is reconciled with what it lists."""
    world.claimed[RUNS] = 4
    outcome = collect(asked, "github.workflow_runs", Keeping())
    assert [gap.cause.split(": ")[1] for gap in outcome.gaps] == ["GitHub counts 4, but lists 3"]
    assert sum(path.startswith(f"{RUNS}?") for path in world.asked) == 3 * 2


@pytest.mark.parametrize("stream", ["github.workflow_runs", "github.workflow_jobs", "github.deployment_approvals"])
def test_a_run_that_was_open_is_asked_until_it_is_completed(world: World, asked: Source, stream: str) -> None:
    """What was in progress at one collection is asked again by the next, and no more once it ended."""
    add_run(world, run(77, created=at(12), status="in_progress"))
    first = collect(asked, stream, Keeping())
    world.keyed[RUNS][1].pop()
    add_run(world, run(77, created=at(12), updated=at(26)))
    keep = Keeping()
    second = collect(asked, stream, keep, cursor=first.cursor, window=NEXT)
    assert 77 in {run_id for run_id, _ in runs_seen(keep)}
    after = Window(NEXT.end, NEXT.end + timedelta(days=1))
    last = Keeping()
    collect(asked, stream, last, cursor=second.cursor, window=after)
    assert 77 not in {run_id for run_id, _ in runs_seen(last)}


def test_a_rerun_of_an_old_run_is_found_by_the_audit_log(world: World, asked: Source) -> None:
    """A re-run keeps `created_at`; the audit event of the window names it, and every attempt is fetched."""
    add_run(world, run(55, created=at(0, days=-20), attempt=3, updated=at(5)))
    event = {"_document_id": "x", "action": "workflows.completed_workflow_run", "repo": "acme/ledger"}
    world.lists["/orgs/acme/audit-log"].append(event | {"workflow_run_id": 55, "created_at": 1782968400000})
    collect(asked, "github.audit_log", Keeping())
    before = len(world.asked)
    runs, jobs = Keeping(), Keeping()
    collect(asked, "github.workflow_runs", runs)
    collect(asked, "github.workflow_jobs", jobs)
    assert {attempt for run_id, attempt in runs_seen(runs) if run_id == 55} >= {"1", "2"}
    assert {attempt for run_id, attempt in runs_seen(jobs) if run_id == 55} == {"1", "2", "3"}
    assert not any(path.startswith("/orgs/") for path in world.asked[before:])


def test_without_an_audit_log_reruns_are_looked_for_in_thirty_days(world: World) -> None:
    """An organisation without the audit log API still loses no re-run: the list goes back 30 days."""
    add_run(world, run(55, created=at(0, days=-20), attempt=2, updated=at(5)))
    keep = Keeping()
    collect(connect(world, audit_log="none"), "github.workflow_jobs", keep)
    assert {attempt for run_id, attempt in runs_seen(keep) if run_id == 55} == {"1", "2"}


def test_a_deleted_run_is_kept_as_absent(world: World, asked: Source) -> None:
    """A run that was deleted between listing and asking leaves a 404 that is kept, and no failed collection."""
    del world.lists[f"{RUNS}/1001/approvals"]
    keep = Keeping()
    outcome = collect(asked, "github.deployment_approvals", keep)
    assert outcome.complete
    assert [s.context["_run_id"] for s in keep.sightings if s.response["status"] == 404] == [1001]


def test_approvals_can_be_limited_to_the_workflows_that_deploy(world: World) -> None:
    """`approvals_of` saves the question for runs that cannot have one."""
    keep = Keeping()
    collect(connect(world, approvals_of=[".github/workflows/other.yml"]), "github.deployment_approvals", keep)
    assert keep.usable() == []


def test_statuses_are_asked_again_until_final_and_when_superseded(world: World, asked: Source) -> None:
    """A waiting deployment, and the success that a newer deployment replaced, are looked at again."""
    world.lists[f"{LEDGER}/deployments/1001/statuses"].append({"id": 19, "state": "inactive"})
    world.lists[f"{LEDGER}/deployments/1001/statuses"][-1]["id"] = 10_999
    world.lists[f"{LEDGER}/deployments/1002/statuses"] = [{"id": 20, "state": "in_progress"}]
    first = collect(asked, "github.deployment_statuses", Keeping())
    active = first.cursor["repositories"]["acme/ledger"]["active"]
    assert active == {"1002": ["production", "in_progress"], "1003": ["production", "success"]}
    new = {"id": 1009, "environment": "production", "created_at": at(26), "updated_at": at(26)}
    world.lists[f"{LEDGER}/deployments"].insert(0, new)
    world.lists[f"{LEDGER}/deployments/1009/statuses"] = [{"id": 90, "state": "success"}]
    keep = Keeping()
    second = collect(asked, "github.deployment_statuses", keep, cursor=first.cursor, window=NEXT)
    numbers = sorted({s.request.split("/")[5] for s in keep.usable()})
    assert numbers == ["1002", "1003", "1009"]
    assert "1009" in second.cursor["repositories"]["acme/ledger"]["active"]


def test_a_backdated_commit_is_found_through_its_parents(world: World, asked: Source) -> None:
    """A pushed commit may carry an old date: the chain from the new head to the known one is closed."""
    first = collect(asked, "git.commits", Keeping())
    assert first.cursor["repositories"]["acme/ledger"]["main"]["head"] == "1000c5"
    old = commit("1000old", "1000c5", at(0, days=-90))
    world.lists[f"{LEDGER}/commits"][:0] = [commit("1000new", "1000old", at(30)), old]
    keep = Keeping()
    outcome = collect(asked, "git.commits", keep, cursor=first.cursor, window=NEXT)
    assert any('"sha":"1000old"' in record for record in keep.records())
    assert outcome.complete


def test_a_rewritten_branch_is_told(world: World, asked: Source) -> None:
    """Where the known head is no longer among the first parents, the outcome says so."""
    first = collect(asked, "git.commits", Keeping())
    chain = [commit(f"z{n}", f"z{n - 1}", at(30)) for n in range(40, 0, -1)]
    world.lists[f"{LEDGER}/commits"] = [*chain, commit("z0", "before the first page", at(0, days=-99))]
    outcome = collect(asked, "git.commits", Keeping(), cursor=first.cursor, window=NEXT)
    assert "main was rewritten" in outcome.gaps[0].cause
    assert outcome.gaps[0].recoverable_from == "github.branch_activity"
