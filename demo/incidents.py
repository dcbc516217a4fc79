"""Releases that an incident follows, and releases in a freeze that are allowed.

- `undone`: the release causes an incident and an earlier one is put back. `repaired`: a hotfix follows.
- In a freeze a release passes with a satisfied emergency path or a valid waiver.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from demo import operations
from demo.changes import merge, open_pull, review
from demo.model import RetrospectiveReview, Waiver
from demo.pipelines import Gate, attempt_release, finish
from demo.stories import begin, gatekeeper, released, rolled_back

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from demo.builder import Builder, Merge, RepoState
    from demo.model import Incident, Run


def _caused_incident(b: Builder, state: RepoState, run: Run, title: str) -> Incident:
    deployment = next(d for d in reversed(b.company.deployments) if d.run_id == run.id)
    at = deployment.succeeded_at
    if at is None:
        raise ValueError(f"run {run.id} released nothing")
    change: dict[str, object] = {"repo": run.repo, "deployment": deployment.id}
    return operations.incident(b, state.repo.service or "", at + b.minutes(4, 15), (title, "sev2"), change)


def undone(b: Builder, state: RepoState, done: Merge) -> Run:
    """Released, harmful, rolled back to what ran before."""
    before = state.deployed["production"]
    run = released(b, state, done)
    found = _caused_incident(b, state, run, "error rate after release")
    rolled_back(b, state, found.acknowledged_at + timedelta(minutes=2), before)
    return run


def repaired(b: Builder, state: RepoState, done: Merge) -> Run:
    """Released, harmful, repaired by a hotfix that names the incident."""
    run = released(b, state, done)
    found = _caused_incident(b, state, run, "wrong totals after release")
    at = found.acknowledged_at + timedelta(minutes=6)
    author = b.rng.choice(b.staff(at, "developers"))
    draft = open_pull(
        b, state, author, at, title=f"Hotfix {found.id}", branch=f"hotfix/{found.id.lower()}", body=f"Fixes {found.id}."
    )
    draft.labels = ("hotfix",)
    others = [x for x in b.staff(at, "developers", "leads") if x not in draft.contributors]
    for n, user in enumerate(b.rng.sample(others, state.repo.required_approvals)):
        review(b, draft, user, at + timedelta(minutes=9 + 2 * n))
    fix = merge(b, draft, author, at + timedelta(minutes=16), "squash")
    release = begin(b, state, fix, "hotfix")
    gate = Gate(gatekeeper(b, state, release.run.created_at, author), timedelta(minutes=3))
    attempt_release(b, release, author, release.run.created_at, gate)
    return finish(b, release.run, release.attempts)


def emergency_in_freeze(b: Builder, state: RepoState, done: Merge) -> Run:
    """An incident, an approved emergency ticket before the release, a review of the diff the next day."""
    at = _merged(done)
    found = operations.incident(b, state.repo.service or "", at - timedelta(minutes=55), ("payments rejected", "sev1"))
    author = b.person(done.pull.author).worker_id
    scope: dict[str, object] = {"repo": state.repo.full_name, "pr": done.pull.number}
    ticket = operations.ticket(b, "emergency", author, found.created_at + timedelta(minutes=8), scope, cause=found.id)
    run = released(b, state, done)
    scope["deployment"] = next(d.id for d in reversed(b.company.deployments) if d.run_id == run.id)
    free = [x for x in b.staff(at, "developers", "leads") if x not in done.contributors]
    reviewer = b.person(b.rng.choice(free)).worker_id
    later = timedelta(hours=22)
    b.company.retrospective_reviews.append(
        RetrospectiveReview(
            ticket.key, reviewer, done.pull.merge_commit_sha or "", at + later, at + later / 11, at + later / 10
        )
    )
    return run


def waived_in_freeze(b: Builder, state: RepoState, done: Merge) -> Run:
    """A waiver signed two days before by somebody who does not benefit."""
    at = _merged(done)
    who = b.person(done.pull.author).worker_id
    signed = at - timedelta(days=2)
    b.company.waivers.append(
        Waiver(
            b.key_at("WV", signed), "CHG-06", "E", {"repo": state.repo.full_name, "service": state.repo.service}, who,
            who, "regulatory deadline", "W2001", signed, at - timedelta(hours=1), at + timedelta(hours=4),
        )
    )  # fmt: skip
    return released(b, state, done)


def _merged(done: Merge) -> datetime:
    if done.pull.merged_at is None:
        raise ValueError(f"{done.pull.repo}#{done.pull.number} was not merged")
    return done.pull.merged_at


RELEASES: dict[str, Callable[[Builder, RepoState, Merge], Run]] = {
    "undone": undone,
    "repaired": repaired,
    "emergency_in_freeze": emergency_in_freeze,
    "waived_in_freeze": waived_in_freeze,
}
