"""The GitHub connector against the simulated company: day by day, every fact of every system reaches the locker."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from demo.company import simulate
from demo.simulation import Simulation
from evidence.collecting import SimulatedClock, day_window
from evidence.sources import github
from evidence.sources._patience import Patience
from tests.evidence.keeping import Keeping

if TYPE_CHECKING:
    from pathlib import Path

    from demo.model import Company
    from evidence.capture import Outcome

ZONE = "America/New_York"
FIRST, DAYS = date(2026, 7, 1), 15

_Kept = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def company() -> Company:
    """Two weeks of a company."""
    zone = ZoneInfo(ZONE)
    return simulate(7, datetime(2026, 7, 1, tzinfo=zone), datetime(2026, 7, 15, tzinfo=zone))


@pytest.fixture(scope="module")
def kept(company: Company, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[Any]], list[Outcome]]:
    """Every record of every stream, collected day by day on the company's clock."""
    folder: Path = tmp_path_factory.mktemp("company")
    records: dict[str, list[Any]] = {stream.name: [] for stream in github.STREAMS}
    outcomes: list[Outcome] = []
    with Simulation(company, folder) as running:
        clock = SimulatedClock(f"{running.url}/_simulation/clock", ZONE)
        names = {repo.partition("/")[2]: ["main"] for repo in company.repositories}
        given = {"url": running.urls["github"], "organisation": company.org, "repositories": names}
        source = github.connect(given, {"GITHUB_TOKEN": "demo-token"}, patience=Patience(sleep=lambda _: None))
        cursors: dict[str, Any] = {}
        bodies: dict[str, bytes] = {}
        for number in range(DAYS):
            day = FIRST + timedelta(days=number)
            now = clock.at("github", day)
            for stream in source.streams:
                keep = Keeping(bodies)
                cursor = cursors.get(stream.name, {})
                outcome = source.collect(stream.name, day_window(day, ZONE), cursor=cursor, now=now, keep=keep)
                cursors[stream.name] = json.loads(json.dumps(outcome.cursor))
                outcomes.append(outcome)
                records[stream.name] += [json.loads(text) for text in keep.records()]
        source.close()
    return records, outcomes


def ids(kept: tuple[dict[str, list[Any]], list[Outcome]], stream: str, key: str = "id") -> set[Any]:
    """The ids of a stream's records."""
    return {record["record"][key] for record in kept[0][stream]}


def test_every_collection_is_whole(kept: tuple[dict[str, list[Any]], list[Outcome]]) -> None:
    """A company that is asked every day leaves no gap."""
    assert [gap for outcome in kept[1] for gap in outcome.gaps] == []


def test_every_fact_is_kept(company: Company, kept: tuple[dict[str, list[Any]], list[Outcome]]) -> None:
    """What truly happened is what was collected: no event, change, run or deployment is missing."""
    runs = [run for run in company.runs if run.created_at >= company.start]
    attempts = {(run.id, attempt.number) for run in runs for attempt in run.attempts}
    assert {r.document_id for r in company.audit_events if r.time >= company.start} <= ids(
        kept, "github.audit_log", "_document_id"
    )
    pulls = {(p.repo, p.number) for p in company.pull_requests if p.created_at >= company.start}
    assert pulls <= {(r["context"]["_repo"], r["record"]["number"]) for r in kept[0]["github.pull_requests"]}
    assert {r.id for r in company.reviews if r.submitted_at >= company.start} <= ids(kept, "github.reviews")
    assert {a.id for a in company.activities if a.time >= company.start} <= ids(kept, "github.branch_activity")
    found = {(r["record"]["id"], r["record"]["run_attempt"]) for r in kept[0]["github.workflow_runs"]}
    assert attempts <= found
    jobs = {job.id for run in runs for attempt in run.attempts for job in attempt.jobs}
    assert jobs <= ids(kept, "github.workflow_jobs")
    deployments = [d for d in company.deployments if d.created_at >= company.start]
    assert {d.id for d in deployments} <= ids(kept, "github.deployments")
    assert {s.id for d in deployments for s in d.statuses} <= ids(kept, "github.deployment_statuses")


def test_the_last_state_of_what_changes_is_kept(
    company: Company, kept: tuple[dict[str, list[Any]], list[Outcome]]
) -> None:
    """A merge, a dismissal or a completion that came days later is there too."""
    merged = {(p.repo, p.number) for p in company.pull_requests if p.merged_at and p.created_at >= company.start}
    seen = kept[0]["github.pull_requests"]
    assert merged <= {(r["context"]["_repo"], r["record"]["number"]) for r in seen if r["record"]["merged_at"]}
    dismissed = {r.id for r in company.reviews if r.dismissed_at}
    states = {r["record"]["id"] for r in kept[0]["github.reviews"] if r["record"]["state"] == "DISMISSED"}
    assert dismissed <= states
    completed = {r["record"]["id"] for r in kept[0]["github.workflow_runs"] if r["record"]["status"] == "completed"}
    assert {run.id for run in company.runs if run.created_at >= company.start} <= completed
