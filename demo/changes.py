"""Changes to code: a pull request from its branch to its merge, told with the steps of `demo.builder`.

- `Draft` is a pull request in the making; its steps keep its head, and `merge` or `close` end it.
- `ordinary` and its variants are compliant: enough approvals by people who contributed nothing, given before the
  merge on the code that is merged. `demo.violations` combines the same steps otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from demo import roster
from demo.builder import Builder, Merge, RepoState
from demo.model import PullRequest, Review
from demo.pipelines import continuous_integration
from demo.wording import touched_files, wording

if TYPE_CHECKING:
    from demo.model import Commit

ZERO = "0" * 40
_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Draft:
    """A pull request in the making. `clock` is when the last step happened."""

    state: RepoState
    number: int
    id: int
    author: str
    title: str
    branch: str
    base_sha: str
    opened_at: datetime
    clock: datetime
    body: str = ""
    labels: tuple[str, ...] = ()
    commits: list[Commit] = field(default_factory=list)
    pushes: list[tuple[datetime, str]] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    helpers: set[str] = field(default_factory=set)

    @property
    def repo(self) -> str:
        """The repository's full name."""
        return self.state.repo.full_name

    @property
    def head(self) -> str:
        """The SHA at the tip of its branch."""
        return self.commits[-1].sha if self.commits else self.base_sha

    @property
    def contributors(self) -> frozenset[str]:
        """The author, whoever wrote a commit of it and whoever is named as co-author."""
        written = {c.author for c in self.commits if len(c.parents) == 1}
        named = {name for c in self.commits for name in c.co_authors}
        return frozenset({self.author} | written | named | self.helpers)


def open_pull(b: Builder, state: RepoState, author: str, at: datetime, **options: str) -> Draft:
    """Open a pull request with its first commit; `branch`, `title` and `body` may be given."""
    repo = state.repo.full_name
    title, branch = wording(b.rng, state.repo.name, author)
    title, branch = options.get("title", title), options.get("branch", f"{branch}-{state.next_number}")
    draft = Draft(
        state, state.next_number, b.id_at("pull", at), author, title, branch, state.head, at, at,
        options.get("body", ""),
    )  # fmt: skip
    state.next_number += 1
    b.activity(repo, branch, ZERO, draft.base_sha, actor=author, at=at - 12 * _SECOND, kind="branch_creation")
    push(b, draft, at - 9 * _SECOND, title)
    b.audit("pull_request.create", at, author, repo, operation="create", **_named(draft))
    continuous_integration(b, draft.state, (draft.branch, draft.head), author, at + 4 * _SECOND, pull=draft.number)
    return draft


def push(b: Builder, draft: Draft, at: datetime, message: str, **options: object) -> Commit:
    """Push one commit to the pull request's branch; `author` and `co_authors` may be given."""
    author = str(options.get("author", draft.author))
    bot = author.endswith("[bot]")
    named = options.get("co_authors", ())
    made = b.commit(
        draft.repo, (draft.head,), author, at - 20 * _SECOND, message,
        committer=roster.WEB_FLOW[0] if bot or named else None,
        files=touched_files(b.rng, draft.state.repo.name),
        co_authors=named if isinstance(named, tuple) else (),
    )  # fmt: skip
    _moved(b, draft, made, author, at)
    if not bot:
        b.git_push(draft.repo, author, at + _SECOND)
    return made


def update_branch(b: Builder, draft: Draft, by: str, at: datetime) -> Commit:
    """Merge the protected branch into the pull request's branch, with no edit of the merge."""
    main = draft.state.repo.protected_branch
    made = b.commit(
        draft.repo, (draft.head, draft.state.head), by, at, f"Merge branch '{main}' into {draft.branch}",
        committer=roster.WEB_FLOW[0],
    )  # fmt: skip
    _moved(b, draft, made, by, at)
    continuous_integration(b, draft.state, (draft.branch, made.sha), by, at + 4 * _SECOND, pull=draft.number)
    return made


def _moved(b: Builder, draft: Draft, made: Commit, actor: str, at: datetime) -> None:
    b.activity(draft.repo, draft.branch, draft.head, made.sha, actor=actor, at=at, kind="push")
    draft.commits.append(made)
    draft.pushes.append((at, made.sha))
    draft.clock = max(draft.clock, at)


def review(b: Builder, draft: Draft, user: str, at: datetime, state: str = "APPROVED", *, body: str = "") -> Review:
    """Submit a review on the current head."""
    made = Review(b.id_at("review", at), draft.repo, draft.number, user, state, draft.head, at, body)
    draft.reviews.append(made)
    b.audit("pull_request_review.submit", at, user, draft.repo, operation="create", review_id=made.id, **_named(draft))
    draft.clock = max(draft.clock, at)
    return made


def dismiss(b: Builder, draft: Draft, which: Review, by: str, at: datetime, *, message: str = "") -> None:
    """Dismiss a review, by hand with a message or by a push without."""
    done = replace(
        which, dismissed_at=at, dismissed_by=by, dismissal_message=message or None,
        dismissal_event_id=b.id_at("event", at),
    )  # fmt: skip
    draft.reviews[draft.reviews.index(which)] = done
    b.audit("pull_request_review.dismiss", at, by, draft.repo, review_id=which.id, **_named(draft))
    draft.clock = max(draft.clock, at)


def merge(b: Builder, draft: Draft, by: str, at: datetime, method: str | None = None) -> Merge:
    """Merge the pull request and delete its branch; the protected branch moves."""
    state, main = draft.state, draft.state.repo.protected_branch
    method = method or ("merge" if b.chance(0.3) else "squash")
    title = f"{draft.title} (#{draft.number})"
    if method == "merge":
        title = f"Merge pull request #{draft.number} from {draft.repo.split('/')[0]}/{draft.branch}\n\n{draft.title}"
    files = tuple({f.path: f for c in draft.commits for f in c.files}.values())
    author = by if method == "merge" else draft.author
    parents = (state.head, draft.head) if method == "merge" else (state.head,)
    made = b.commit(draft.repo, parents, author, at, title, committer=roster.WEB_FLOW[0], files=files)
    b.activity(draft.repo, main, state.head, made.sha, actor=by, at=at, kind="pr_merge")
    b.audit("pull_request.merge", at, by, draft.repo, **_named(draft))
    b.activity(draft.repo, draft.branch, draft.head, ZERO, actor=by, at=at + 3 * _SECOND, kind="branch_deletion")
    state.main.append((at, made.sha))
    pull = _finished(draft, at, merged_by=by, method=method, sha=made.sha)
    b.company.pull_requests.append(pull)
    b.company.reviews.extend(draft.reviews)
    done = Merge(pull, draft.contributors)
    state.merges.append(done)
    continuous_integration(b, state, (main, made.sha), by, at + 4 * _SECOND)
    return done


def close(b: Builder, draft: Draft, by: str, at: datetime) -> None:
    """Close the pull request without merging it."""
    b.audit("pull_request.close", at, by, draft.repo, **_named(draft))
    b.company.pull_requests.append(_finished(draft, at))
    b.company.reviews.extend(draft.reviews)


def leave_open(b: Builder, draft: Draft) -> None:
    """Leave the pull request open at the end of the story."""
    b.company.pull_requests.append(_finished(draft, None))
    b.company.reviews.extend(draft.reviews)


def _finished(
    draft: Draft,
    at: datetime | None,
    *,
    merged_by: str | None = None,
    method: str | None = None,
    sha: str | None = None,
) -> PullRequest:
    return PullRequest(
        draft.id, draft.number, draft.repo, draft.author, draft.title, draft.body, draft.branch,
        draft.state.repo.protected_branch, draft.base_sha, draft.opened_at, at, at if sha else None, merged_by,
        method, sha, draft.head, draft.labels, tuple(c.sha for c in draft.commits), tuple(draft.pushes),
    )  # fmt: skip


def _named(draft: Draft) -> dict[str, object]:
    url = f"https://github.com/{draft.repo}/pull/{draft.number}"
    return {"pull_request_id": draft.id, "pull_request_title": draft.title, "pull_request_url": url}
