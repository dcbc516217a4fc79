"""What goes wrong, planted on purpose, and the verdicts that it must get.

- Each function tells one violation with the same steps as the compliant stories and adds to `Company.truth` every
  (control, population, attribute, item) of the tested controls that must be EXCEPTION because of it.
- Items are written as the subjects table prescribes.
- An attribute that demands a ticket, a second person or a review is an exception where none exists; an attribute
  about the currency of an approval that was never given is not.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from demo import roster, stories
from demo.changes import dismiss, merge, open_pull, push, review
from demo.pipelines import Gate, attempt_release, finish
from demo.stories import Slot, approve, begin, gatekeeper, merger, reviewers, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.builder import Builder, Merge, RepoState
    from demo.model import AuditEvent, Run

_SECOND = timedelta(seconds=1)
_LEAD = "aferreira"


def _change(b: Builder, done: Merge, attributes: str, kind: str, why: str) -> Merge:
    b.exception("CHG-01", "changes", attributes, f"{done.pull.repo}#{done.pull.number}", (kind, why))
    return done


def _attempt(b: Builder, run: Run, attributes: str, kind: str, why: str) -> Run:
    item = f"{run.repo}:{run.id}/{len(run.attempts)}:production"
    b.exception("CHG-06", "attempts", attributes, item, (kind, why))
    return run


def _deployed(b: Builder, run: Run, attributes: str, kind: str, why: str) -> Run:
    for made in b.company.deployments:
        if made.run_id == run.id and made.environment == "production":
            b.exception("CHG-07", "deployments", attributes, f"{made.repo}:deployment:{made.id}", (kind, why))
    return run


def privileged_use(b: Builder, event: AuditEvent, kind: str) -> None:
    """An administrator's override is a use without ticket and review; without a ticket nobody asks who approved it."""
    item = f"github.audit_log:{event.document_id}"
    b.exception("APD-09", "uses", "AD", item, (kind, "no ticket, no review"))


# -- changes ------------------------------------------------------------------------------------------------------


def stale_approval(b: Builder, slot: Slot) -> Merge:
    """Approved, then changed twice, then merged."""
    draft = start(b, slot)
    approve(b, slot, draft, reviewers(b, slot, draft), 0.3)
    push(b, draft, slot.between(0.6), "Change the rounding mode")
    push(b, draft, slot.between(0.8), "Fix lint")
    done = merge(b, draft, draft.author, slot.merge_at)
    return _change(b, done, "B", "stale approval", "two commits after every approval")


def unreviewed_revert(b: Builder, slot: Slot) -> Merge:
    """The last merge reverted by its merger without a review."""
    undone = slot.state.merges[-1].pull
    author = b.rng.choice(b.staff(slot.open_at, "developers"))
    draft = open_pull(
        b, slot.state, author, slot.open_at, title=f'Revert "{undone.title}"',
        branch=f"revert-{undone.number}-{undone.head_ref}", body=f"Reverts {undone.repo}#{undone.number}",
    )  # fmt: skip
    done = merge(b, draft, author, slot.merge_at, "squash")
    return _change(b, done, "A", "unreviewed revert", "a revert is a change; nobody approved it")


def approver_contributed(b: Builder, slot: Slot) -> Merge:
    """The only approver is co-author through an accepted suggestion."""
    draft = start(b, slot)
    who = reviewers(b, slot, draft)
    review(b, draft, who[0], slot.between(0.3), "COMMENTED", body="```suggestion\n```")
    push(b, draft, slot.between(0.5), "Apply suggestion from code review", co_authors=(who[0],))
    approve(b, slot, draft, who, 0.7)
    done = merge(b, draft, draft.author, slot.merge_at, "squash")
    return _change(b, done, "A", "approver contributed", f"{who[0]} is co-author of the only other commit")


def approved_by_bot(b: Builder, slot: Slot) -> Merge:
    """Only an App that the author can steer approved."""
    draft = start(b, slot, author="dmenon")
    review(b, draft, roster.REVIEW_BOT, slot.between(0.6))
    done = merge(b, draft, draft.author, slot.merge_at)
    return _change(b, done, "AC", "approved by a bot", "no person approved")


def dependency_unseen(b: Builder, slot: Slot) -> Merge:
    """A bot's change that another bot approved and merged."""
    draft = start(b, slot, author=roster.DEPENDABOT)
    review(b, draft, roster.ACTIONS, slot.between(0.6))
    done = merge(b, draft, roster.ACTIONS, slot.merge_at, "squash")
    return _change(b, done, "AC", "approved by a bot", "no person saw the dependency update")


def dismissed_before_merge(b: Builder, slot: Slot) -> Merge:
    """The only approval was dismissed ten minutes before the merge."""
    draft = start(b, slot)
    given = [review(b, draft, user, slot.between(0.4)) for user in reviewers(b, slot, draft)]
    for one in given:
        dismiss(b, draft, one, draft.author, slot.merge_at - timedelta(minutes=10), message="Outdated")
    done = merge(b, draft, draft.author, slot.merge_at)
    return _change(b, done, "A", "approval dismissed", "no approval in force at the merge")


def approved_after_merge(b: Builder, slot: Slot) -> Merge:
    """Merged first and approved four minutes later."""
    draft = start(b, slot)
    done = merge(b, draft, draft.author, slot.merge_at)
    late = review(b, draft, reviewers(b, slot, draft)[0], slot.merge_at + timedelta(minutes=4, seconds=10))
    b.company.reviews.append(late)
    return _change(b, done, "AF", "approved after the merge", "the only approval came later")


def objection_ignored(b: Builder, slot: Slot) -> Merge:
    """Approved as required, merged although somebody's request for changes stands."""
    draft = start(b, slot)
    who = reviewers(b, slot, draft)
    others = [x for x in b.staff(slot.open_at, "developers", "leads") if x not in draft.contributors | set(who)]
    review(b, draft, b.rng.choice(others), slot.between(0.4), "CHANGES_REQUESTED", body="This breaks refunds.")
    approve(b, slot, draft, who, 0.7)
    done = merge(b, draft, draft.author, slot.merge_at)
    return _change(b, done, "E", "objection ignored", "a request for changes was in force at the merge")


def overridden(b: Builder, slot: Slot) -> Merge:
    """An administrator merges their own change past the protection."""
    draft = start(b, slot, author="olindqvist")
    before = slot.state.head
    done = merge(b, draft, draft.author, slot.merge_at, "squash")
    event = b.audit(
        "protected_branch.policy_override", slot.merge_at, draft.author, draft.repo, branch="refs/heads/main",
        before=before, after=done.pull.merge_commit_sha, overridden_codes=["review_policy_not_satisfied"],
        reasons=[{"code": "review_policy_not_satisfied", "message": "At least 1 approving review is required"}],
        compliant_pull_request_ids=[],
    )  # fmt: skip
    privileged_use(b, event, "protection overridden")
    update = f"{draft.repo}:main:{before}..{done.pull.merge_commit_sha}"
    b.exception("CHG-03", "updates", "AE", update, ("protection overridden", "no emergency, and nobody reviewed it"))
    return _change(b, done, "A", "protection overridden", "an administrator merged without an approval")


def by_lead(b: Builder, slot: Slot) -> Merge:
    """Compliant in itself: written and merged by the lead, who may also approve production."""
    draft = start(b, slot, author=_LEAD)
    approve(b, slot, draft, reviewers(b, slot, draft), 0.7)
    return merge(b, draft, _LEAD, slot.merge_at)


def emergency(b: Builder, slot: Slot) -> Merge:
    """Compliant in itself: a labelled hotfix, approved as any change."""
    draft = start(b, slot)
    draft.labels = ("emergency-change",)
    who = reviewers(b, slot, draft)
    approve(b, slot, draft, who, 0.6)
    return merge(b, draft, merger(b, draft, who), slot.merge_at)


CHANGES: dict[str, Callable[[Builder, Slot], Merge]] = {
    "stale_approval": stale_approval,
    "unreviewed_revert": unreviewed_revert,
    "approver_contributed": approver_contributed,
    "approved_by_bot": approved_by_bot,
    "dependency_unseen": dependency_unseen,
    "dismissed_before_merge": dismissed_before_merge,
    "approved_after_merge": approved_after_merge,
    "objection_ignored": objection_ignored,
    "overridden": overridden,
    "by_lead": by_lead,
    "emergency": emergency,
}


# -- releases -------------------------------------------------------------------------------------------------------


def self_approved(b: Builder, state: RepoState, done: Merge) -> Run:
    """Who wrote and merged the change also opens production for it."""
    release = begin(b, state, done)
    attempt_release(b, release, release.run.actor, release.run.created_at, Gate(release.run.actor))
    run = finish(b, release.run, release.attempts)
    _deployed(b, run, "C", "self-approved deployment", "the deployer contributed to the change")
    return _attempt(b, run, "B", "self-approved deployment", "approver = triggering actor = author")


def contributor_approved(b: Builder, state: RepoState, done: Merge) -> Run:
    """A change that only its contributors approved reaches production."""
    return _deployed(b, stories.released(b, state, done), "B", "approver contributed", "nobody independent approved it")


def deployed_by_tag(b: Builder, state: RepoState, done: Merge) -> Run:
    """The cluster is asked for a tag, which can be moved, and not for the digest that was built."""
    release = begin(b, state, done)
    release.by_tag = True
    gate = Gate(gatekeeper(b, state, release.run.created_at, release.run.actor))
    attempt_release(b, release, release.run.actor, release.run.created_at, gate)
    rollout = next(r for r in reversed(b.company.rollouts) if r.run_id == release.run.id)
    item = f"{rollout.namespace}/{rollout.service}/app@{rollout.digest}"
    b.exception("CHG-09", "images", "B", item, ("deployed by tag", "the tag was asked for, not the digest"))
    return finish(b, release.run, release.attempts)


def approval_carried_over(b: Builder, state: RepoState, done: Merge) -> Run:
    """A failed attempt was approved; the next one started on that old approval."""
    release = begin(b, state, done)
    at = release.run.created_at
    sre = b.on_call(at).login
    gate = Gate(gatekeeper(b, state, at, release.run.actor, sre))
    end = attempt_release(b, release, release.run.actor, at, gate, fails=True)
    attempt_release(b, release, sre, end + b.minutes(5, 12), Gate(after=timedelta(seconds=5), unattended=True))
    run = finish(b, release.run, release.attempts)
    return _attempt(b, run, "AF", "approval of an earlier attempt", "the re-run has no approval of its own")


def gate_bypassed(b: Builder, state: RepoState, done: Merge) -> Run:
    """An administrator skips the environment's reviewers."""
    release = begin(b, state, done)
    attempt_release(b, release, release.run.actor, release.run.created_at, Gate(bypassed_by="ytanabe"))
    event = next(e for e in reversed(b.company.audit_events) if e.action == "workflows.bypass_protection_rules")
    privileged_use(b, event, "environment gate bypassed")
    run = finish(b, release.run, release.attempts)
    return _attempt(b, run, "AC", "environment gate bypassed", "no approval; an administrator skipped the gate")


def in_freeze(b: Builder, state: RepoState, done: Merge) -> Run:
    """Properly approved, but in a freeze."""
    release = begin(b, state, done)
    gate = Gate(gatekeeper(b, state, release.run.created_at, release.run.actor))
    attempt_release(b, release, release.run.actor, release.run.created_at, gate)
    run = finish(b, release.run, release.attempts)
    return _attempt(b, run, "E", "deployed in a freeze", "no emergency and no waiver")


RELEASES: dict[str, Callable[[Builder, RepoState, Merge], Run]] = {
    "self_approved": self_approved,
    "contributor_approved": contributor_approved,
    "deployed_by_tag": deployed_by_tag,
    "approval_carried_over": approval_carried_over,
    "gate_bypassed": gate_bypassed,
    "in_freeze": in_freeze,
}
