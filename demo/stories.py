"""The compliant ways in which a change is made and released.

- `CHANGES[kind](b, slot)` tells a pull request that is merged at `slot.merge_at`; `RELEASES[kind](b, state, merge)`
  tells what became of the run that the merge started.
- The tricky ones look wrong at first sight and are right: an approval dismissed and given again, an update of the
  branch without edits after the approval, a bot's change approved by a person, a refused and a repeated deployment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from demo import roster
from demo.changes import Draft, close, dismiss, merge, open_pull, push, review, update_branch
from demo.pipelines import CD, Gate, Release, attempt_release, finish, new_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.builder import Builder, Merge, RepoState
    from demo.model import Run

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a repository's story: a pull request opens at `open_at` and is merged at `merge_at`."""

    state: RepoState
    open_at: datetime
    merge_at: datetime

    def between(self, share: float) -> datetime:
        """The instant at a share of the way from opening to merging, in whole seconds."""
        return self.open_at + timedelta(seconds=int((self.merge_at - self.open_at).total_seconds() * share))


def authors(b: Builder, slot: Slot) -> list[str]:
    """Who writes code in the slot's repository."""
    teams = ("platform", "sre") if slot.state.repo.name == "platform-infra" else ("developers",)
    return b.staff(slot.open_at, *teams)


def reviewers(b: Builder, slot: Slot, draft: Draft) -> list[str]:
    """Two people who may approve the pull request, or one where one suffices, in random order."""
    teams = ("platform", "sre", "leads") if slot.state.repo.name == "platform-infra" else ("developers", "leads")
    free = [x for x in b.staff(slot.open_at, *teams) if x not in draft.contributors]
    return b.rng.sample(free, slot.state.repo.required_approvals)


def start(b: Builder, slot: Slot, **options: str) -> Draft:
    """Open a pull request by an author of the repository."""
    author = options.pop("author", None) or b.rng.choice(authors(b, slot))
    return open_pull(b, slot.state, author, slot.open_at, **options)


def approve(b: Builder, slot: Slot, draft: Draft, who: list[str], share: float) -> None:
    """Let each of `who` approve, one after the other, from a share of the slot on."""
    for n, user in enumerate(who):
        review(b, draft, user, slot.between(share) + n * 95 * _SECOND)


def merger(b: Builder, draft: Draft, who: list[str]) -> str:
    """Who presses the button: mostly the author, else an approver; a bot never."""
    if draft.author.endswith("[bot]") or b.chance(0.2):
        return who[0]
    return draft.author


def ordinary(b: Builder, slot: Slot) -> Merge:
    """Opened, perhaps improved, approved on its last commit, merged."""
    draft = start(b, slot)
    who = reviewers(b, slot, draft)
    if b.chance(0.35):
        review(b, draft, who[0], slot.between(0.2), "COMMENTED", body="A few remarks.")
        push(b, draft, slot.between(0.4), "Address review remarks")
    approve(b, slot, draft, who, 0.7)
    return merge(b, draft, merger(b, draft, who), slot.merge_at)


def changes_requested(b: Builder, slot: Slot) -> Merge:
    """Refused first, corrected, then approved by the same person."""
    draft = start(b, slot)
    who = reviewers(b, slot, draft)
    review(b, draft, who[0], slot.between(0.2), "CHANGES_REQUESTED", body="The rounding is wrong.")
    push(b, draft, slot.between(0.45), "Correct rounding")
    approve(b, slot, draft, who, 0.7)
    return merge(b, draft, merger(b, draft, who), slot.merge_at)


def approved_again(b: Builder, slot: Slot) -> Merge:
    """An approval that the next push dismisses, given again on the new head."""
    draft = start(b, slot)
    who = reviewers(b, slot, draft)
    early = review(b, draft, who[0], slot.between(0.2))
    push(b, draft, slot.between(0.5), "Handle the empty batch")
    dismiss(b, draft, early, draft.author, slot.between(0.5) + _SECOND)
    approve(b, slot, draft, who, 0.75)
    return merge(b, draft, merger(b, draft, who), slot.merge_at)


def updated_branch(b: Builder, slot: Slot) -> Merge:
    """Approved, then brought up to date with the protected branch without an edit, then merged."""
    draft = start(b, slot)
    other = open_pull(b, slot.state, b.rng.choice(authors(b, slot)), slot.between(0.1))
    others = reviewers(b, slot, other)
    for n, user in enumerate(others):
        review(b, other, user, slot.between(0.3) + n * 60 * _SECOND)
    who = reviewers(b, slot, draft)
    approve(b, slot, draft, who, 0.45)
    merge(b, other, other.author, slot.between(0.6), "squash")
    update_branch(b, draft, b.rng.choice([draft.author, who[0]]), slot.between(0.8))
    return merge(b, draft, draft.author, slot.merge_at, "squash")


def dependency(b: Builder, slot: Slot) -> Merge:
    """A bot's update of a library, approved and merged by people."""
    draft = start(b, slot, author=roster.DEPENDABOT)
    who = reviewers(b, slot, draft)
    approve(b, slot, draft, who, 0.6)
    return merge(b, draft, who[0], slot.merge_at, "squash")


def abandoned(b: Builder, state: RepoState, at: datetime) -> None:
    """Opened, discussed and closed without a merge."""
    author = b.rng.choice(b.staff(at, "developers"))
    draft = open_pull(b, state, author, at)
    other = b.rng.choice([x for x in b.staff(at, "developers", "leads") if x != author])
    review(b, draft, other, at + b.minutes(40, 90), "COMMENTED", body="Superseded, I think.")
    close(b, draft, author, at + b.minutes(100, 900))


CHANGES: dict[str, Callable[[Builder, Slot], Merge]] = {
    "ordinary": ordinary,
    "changes_requested": changes_requested,
    "approved_again": approved_again,
    "updated_branch": updated_branch,
    "dependency": dependency,
}


# -- releases ---------------------------------------------------------------------------------------------------


def gatekeeper(b: Builder, state: RepoState, at: datetime, *others: str) -> str:
    """An environment reviewer who contributed to nothing that is released and is none of `others`."""
    since = state.deployed.get("production", -1)
    involved = {x for m in state.merges[since + 1 :] for x in m.contributors} | set(others)
    involved |= set(state.merges[-1].contributors)
    return b.rng.choice([x for x in b.environment_reviewers(at) if x not in involved])


def begin(b: Builder, state: RepoState, done: Merge, kind: str = "deploy") -> Release:
    """The release run that a merge starts."""
    pull = done.pull
    at, sha = pull.merged_at, pull.merge_commit_sha
    if at is None or sha is None:
        raise ValueError(f"{pull.repo}#{pull.number} was not merged")
    run = new_run(b, state, (CD, "push"), ("main", sha), (pull.merged_by or pull.author, at + 6 * _SECOND))
    return Release(state, run, sha, state.merges.index(done), [], kind)


def released(b: Builder, state: RepoState, done: Merge) -> Run:
    """Built, tried on staging, approved and put into production."""
    release = begin(b, state, done)
    gate = Gate(gatekeeper(b, state, release.run.created_at, release.run.actor), b.minutes(3, 25))
    attempt_release(b, release, release.run.actor, release.run.created_at, gate)
    return finish(b, release.run, release.attempts)


def not_released(b: Builder, state: RepoState, done: Merge) -> Run:
    """Left at the gate and cancelled."""
    release = begin(b, state, done)
    attempt_release(b, release, release.run.actor, release.run.created_at, Gate(after=b.minutes(50, 80)))
    return finish(b, release.run, release.attempts)


def refused(b: Builder, state: RepoState, done: Merge) -> Run:
    """Refused by a reviewer."""
    release = begin(b, state, done)
    who = gatekeeper(b, state, release.run.created_at, release.run.actor)
    gate = Gate(who, b.minutes(5, 20), rejected=True, comment="Wait for the release notes.")
    attempt_release(b, release, release.run.actor, release.run.created_at, gate)
    return finish(b, release.run, release.attempts)


def retried(b: Builder, state: RepoState, done: Merge) -> Run:
    """Failed in production, run again by somebody on call with an approval of its own."""
    release = begin(b, state, done)
    at = release.run.created_at
    sre = b.on_call(at).login
    gate = Gate(gatekeeper(b, state, at, release.run.actor, sre), b.minutes(3, 10))
    end = attempt_release(b, release, release.run.actor, at, gate, fails=True)
    again = Gate(gatekeeper(b, state, at, release.run.actor, sre), b.minutes(3, 8), comment="Second try.")
    attempt_release(b, release, sre, end + b.minutes(6, 15), again)
    return finish(b, release.run, release.attempts)


def redeployed(b: Builder, state: RepoState, done: Merge) -> Run:
    """Released, then the same run once more to bring the pods back, approved anew."""
    release = begin(b, state, done)
    at = release.run.created_at
    sre = b.on_call(at).login
    gate = Gate(gatekeeper(b, state, at, release.run.actor, sre), b.minutes(3, 10))
    end = attempt_release(b, release, release.run.actor, at, gate)
    release.kind = "redeploy"
    again = replace(gate, comment="Once more, to bring the pods back.")
    attempt_release(b, release, sre, end + b.minutes(20, 40), again)
    return finish(b, release.run, release.attempts)


def rolled_back(b: Builder, state: RepoState, at: datetime, target: int) -> Run:
    """An earlier merge (by index) put back into production by somebody on call, approved by another."""
    sha = state.merges[target].pull.merge_commit_sha or ""
    sre = b.on_call(at).login
    run = new_run(b, state, (CD, "workflow_dispatch"), ("main", sha), (sre, at))
    release = Release(state, run, sha, target, [], "rollback")
    undone = {x for m in state.merges[target:] for x in m.contributors}
    who = gatekeeper(b, state, at, sre, *undone)
    attempt_release(b, release, sre, at, Gate(who, timedelta(minutes=2), comment="Roll back."))
    return finish(b, run, release.attempts)


RELEASES: dict[str, Callable[[Builder, RepoState, Merge], Run]] = {
    "released": released,
    "not_released": not_released,
    "refused": refused,
    "retried": retried,
    "redeployed": redeployed,
}
