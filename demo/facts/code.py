"""What was written: repositories, commits, pull requests, reviews, branch updates and settings.

- A pull request keeps its final state; `demo.systems.github` renders what was true at an instant.
- Logins stand for accounts, of people and bots alike; `Company.account` gives the numeric id and the type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository in scope. `service` is None where nothing runs from it (infrastructure, jobs).

    `protection` says what guards `protected_branch`: 'ruleset' or 'classic'. `environments` maps a name
    (dev, staging, production) to GitHub's environment id.
    """

    full_name: str
    id: int
    service: str | None
    protected_branch: str
    sox_critical: bool
    protection: str
    required_approvals: int
    image: str | None
    ruleset_id: int | None
    environments: Mapping[str, int]
    created_at: datetime
    initial_sha: str

    @property
    def name(self) -> str:
        """The name without the organisation."""
        return self.full_name.partition("/")[2]


@dataclass(frozen=True, slots=True)
class File:
    """A path that a commit or pull request changed, with its line counts."""

    path: str
    status: str
    additions: int
    deletions: int


@dataclass(frozen=True, slots=True)
class Commit:
    """One git commit. `co_authors` are logins named by Co-authored-by trailers in `message`.

    `automerge_tree` of a two-parent commit is the tree of the automatic merge of its parents; where it equals
    `tree` nobody edited the merge.
    """

    sha: str
    tree: str
    repo: str
    parents: tuple[str, ...]
    author: str
    committer: str
    authored_at: datetime
    committed_at: datetime
    message: str
    files: tuple[File, ...] = ()
    co_authors: tuple[str, ...] = ()
    automerge_tree: str | None = None


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One pull request from opening to its end.

    `commits` are the SHAs of its own commits, oldest first; the last is `head_sha`, the code that was merged.
    `pushes` are the (instant, head SHA) pairs from which its head at an instant follows.
    """

    id: int
    number: int
    repo: str
    author: str
    title: str
    body: str
    head_ref: str
    base_ref: str
    base_sha: str
    created_at: datetime
    closed_at: datetime | None
    merged_at: datetime | None
    merged_by: str | None
    merge_method: str | None
    merge_commit_sha: str | None
    head_sha: str
    labels: tuple[str, ...]
    commits: tuple[str, ...]
    pushes: tuple[tuple[datetime, str], ...]


@dataclass(frozen=True, slots=True)
class Review:
    """One review. `state` is what was submitted (APPROVED, CHANGES_REQUESTED, COMMENTED).

    From `dismissed_at` on GitHub shows it as DISMISSED; `dismissal_event_id` is the issue event that tells it.
    """

    id: int
    repo: str
    number: int
    user: str
    state: str
    commit_id: str
    submitted_at: datetime
    body: str = ""
    dismissed_at: datetime | None = None
    dismissed_by: str | None = None
    dismissal_message: str | None = None
    dismissal_event_id: int | None = None


@dataclass(frozen=True, slots=True)
class PushActivity:
    """One update of one branch, as the repository activity lists it.

    `activity_type` is push, force_push, branch_creation, branch_deletion, pr_merge or merge_queue_merge.
    """

    id: int
    repo: str
    ref: str
    before: str
    after: str
    actor: str
    time: datetime
    activity_type: str


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """One change of a protection setting; replaying them up to an instant gives the settings at it.

    `target` is 'branch' or 'environment', `name` the branch or environment, `setting` a key of
    `demo.settings.BRANCH` or `ENVIRONMENT`. `ticket` is the change ticket that covers it, if any.
    """

    repo: str
    target: str
    name: str
    time: datetime
    actor: str
    setting: str
    old: object
    new: object
    ticket: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One entry of GitHub's audit log: identity, action, instant and the remaining fields as rendered."""

    document_id: str
    action: str
    time: datetime
    actor: str | None
    repo: str | None
    operation_type: str
    fields: Mapping[str, object] = field(default_factory=dict)
