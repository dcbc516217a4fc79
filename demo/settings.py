"""Protection settings of branches and environments: the required ones, and what they were at an instant.

- `BRANCH` and `ENVIRONMENT` name every setting with its required value; a repository's number of approvals is its own.
- Settings at an instant = required values with the configuration changes up to it replayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from demo.model import ConfigChange, Repository

REQUIRED_CHECKS = ("lint", "test", "build", "security")

BRANCH: dict[str, object] = {
    "enforcement": "active",  # ruleset only: active, evaluate or disabled
    "enforce_admins": True,  # classic only
    "reviews_enforced": True,  # classic only: pull request reviews are required at all
    "dismiss_stale_reviews": True,
    "require_last_push_approval": True,
    "require_code_owner_review": True,
    "strict_checks": True,
}

ENVIRONMENT: dict[str, object] = {
    "prevent_self_review": True,
    "can_admins_bypass": False,
    "protected_branches": True,
}


def settings_at(
    changes: Iterable[ConfigChange], repo: Repository, target: str, name: str, now: datetime
) -> dict[str, object]:
    """The settings of a branch or environment of `repo` at `now`; `changes` in order of time."""
    settings = dict(BRANCH if target == "branch" else ENVIRONMENT)
    settings["required_approving_review_count"] = repo.required_approvals
    for change in changes:
        if change.time <= now and (change.repo, change.target, change.name) == (repo.full_name, target, name):
            settings[change.setting] = change.new
    return settings
