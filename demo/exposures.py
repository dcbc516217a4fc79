"""Protection settings that somebody weakens for a while: of a branch or of an environment.

- A whole-day exposure covers the local day from two minutes after midnight to three minutes before the next, so
  that a daily snapshot sees it whenever in the day it is taken.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from demo import operations, worktime
from demo.changes import merge
from demo.settings import ENVIRONMENT
from demo.stories import approve, reviewers, start

if TYPE_CHECKING:
    from datetime import datetime

    from demo.builder import Builder, Merge, RepoState
    from demo.model import Run
    from demo.stories import Slot

_SECOND = timedelta(seconds=1)
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def _interval(state: RepoState, weakened: datetime, restored: datetime) -> str:
    return f"{state.repo.full_name}:main:{weakened.strftime(_FORMAT)}..{restored.strftime(_FORMAT)}"


def whole_day(day: date, b: Builder) -> tuple[datetime, datetime]:
    """When an exposure of a local day begins and ends."""
    return worktime.at(day, 0, 2, b.zone, 10), worktime.at(day, 23, 57, b.zone, 40)


def _switch(b: Builder, state: RepoState, at: datetime, actor: str, *, off: bool, ticket: str | None = None) -> None:
    old, new = ("active", "disabled") if off else ("disabled", "active")
    repo = state.repo.full_name
    b.configure(repo, ("branch", "main"), ("enforcement", old, new), at=at, actor=actor, ticket=ticket)
    b.audit(
        "repository_ruleset.update", at, actor, repo, ruleset_id=state.repo.ruleset_id, ruleset_name="main-protection",
        ruleset_enforcement=new, ruleset_old_enforcement=old, ruleset_source_type="Repository",
    )  # fmt: skip


def ruleset_disabled(b: Builder, state: RepoState, day: date) -> None:
    """The ruleset is off for a day, without a ticket, while others merge what it would have stopped."""
    start_at, end_at = whole_day(day, b)
    _switch(b, state, start_at, "ytanabe", off=True)
    _switch(b, state, end_at, "ytanabe", off=False)
    kind = "ruleset disabled"
    item = _interval(state, start_at, end_at)
    b.exception("CHG-02", "settings", "A", f"{state.repo.full_name}:main:{day}", (kind, "enforcement is disabled"))
    b.exception("CHG-02", "intervals", "B", item, (kind, "no change ticket"))
    b.exception("CHG-02", "intervals", "C", item, (kind, "a merge in the interval fails CHG-01"))


def maintenance(b: Builder, state: RepoState, day: date) -> None:
    """Compliant: the ruleset is off for six minutes under an approved ticket, and nothing is merged."""
    start_at = worktime.at(day, 7, 40, b.zone)
    scope = {"repo": state.repo.full_name, "branch": "main", "setting": "enforcement"}
    ticket = operations.ticket(b, "change", "W2002", start_at - timedelta(hours=2), scope)
    _switch(b, state, start_at, "olindqvist", off=True, ticket=ticket.key)
    _switch(b, state, start_at + timedelta(minutes=6), "olindqvist", off=False, ticket=ticket.key)


def weakened_merge(b: Builder, slot: Slot) -> Merge:
    """An administrator switches classic protection off, merges an approved change, and switches it on again."""
    draft = start(b, slot)
    approve(b, slot, draft, reviewers(b, slot, draft), 0.6)
    actor, off, on = "ytanabe", slot.merge_at - 90 * _SECOND, slot.merge_at + 85 * _SECOND
    _classic(b, slot.state, off, actor, on=False)
    done = merge(b, draft, actor, slot.merge_at)
    _classic(b, slot.state, on, actor, on=True)
    item = _interval(slot.state, off, on + 5 * _SECOND)
    kind = "protection off around a merge"
    b.exception("CHG-02", "intervals", "BCD", item, (kind, "no ticket; the one who weakened it merged meanwhile"))
    return done


def _classic(b: Builder, state: RepoState, at: datetime, actor: str, *, on: bool) -> None:
    repo = state.repo.full_name
    admins, reviews = (at + 5 * _SECOND, at) if on else (at, at + 5 * _SECOND)
    b.configure(repo, ("branch", "main"), ("enforce_admins", not on, on), at=admins, actor=actor)
    b.configure(repo, ("branch", "main"), ("reviews_enforced", not on, on), at=reviews, actor=actor)
    b.audit("protected_branch.update_admin_enforced", admins, actor, repo, name="main", admin_enforced=on)
    b.audit(
        "protected_branch.update_pull_request_reviews_enforcement_level", reviews, actor, repo, name="main",
        pull_request_reviews_enforcement_level=2 if on else 0,
    )  # fmt: skip


def environment_weakened(b: Builder, state: RepoState, day: date, setting: str) -> None:
    """A setting of the production environment is off for a day; `judge_environments` lists whom it concerns."""
    required = ENVIRONMENT[setting]
    for at, old, new in zip(whole_day(day, b), (required, not required), (not required, required), strict=True):
        repo = state.repo.full_name
        b.configure(repo, ("environment", "production"), (setting, old, new), at=at, actor="olindqvist")
        event = b.audit(
            "environment.update_protection_rule", at, "olindqvist", repo, environment_name="production",
            environment_id=state.repo.environments["production"], **{setting: new},
        )  # fmt: skip
        item = f"github.audit_log:{event.document_id}"
        b.exception("CHG-14", "events", "D", item, ("environment weakened", f"no ticket for setting {setting}"))


def judge_environments(b: Builder) -> None:
    """Add the truth of every production attempt on a day with weakened environment settings."""
    weak = {
        (c.repo, c.time.astimezone(b.zone).date()): c.setting
        for c in b.company.config_changes
        if c.target == "environment"
    }
    for run in b.company.runs:
        for number, day in _production_attempts(run, b):
            if setting := weak.get((run.repo, day)):
                item = f"{run.repo}:{run.id}/{number}:production"
                b.exception("CHG-06", "attempts", "D", item, ("environment weakened", f"{setting} was off that day"))


def _production_attempts(run: Run, b: Builder) -> list[tuple[int, date]]:
    return [
        (a.number, j.started_at.astimezone(b.zone).date())
        for a in run.attempts
        for j in a.jobs
        if j.environment == "production" and j.conclusion != "skipped"
    ]
