"""What existed at an instant: the company's facts by repository, found without reading all of them each time."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from demo.model import Commit, Company, PullRequest

Fact = TypeVar("Fact")


class ByTime(Generic[Fact]):
    """Facts under keys, each key's in order of time."""

    def __init__(self, facts: Iterable[Fact], key: Callable[[Fact], object], time: Callable[[Fact], datetime]) -> None:
        self._facts: dict[object, list[Fact]] = defaultdict(list)
        self._times: dict[object, list[datetime]] = defaultdict(list)
        for fact in sorted(facts, key=time):
            self._facts[key(fact)].append(fact)
            self._times[key(fact)].append(time(fact))

    def until(self, key: object, now: datetime) -> list[Fact]:
        """The facts under a key that had happened by `now`, oldest first."""
        if key not in self._facts:
            return []
        return self._facts[key][: bisect_right(self._times[key], now)]


class Index:
    """Every indexed list of one company."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.pulls = ByTime(company.pull_requests, lambda p: p.repo, lambda p: p.created_at)
        self.reviews = ByTime(company.reviews, lambda r: (r.repo, r.number), lambda r: r.submitted_at)
        self.activities = ByTime(company.activities, lambda a: a.repo, lambda a: a.time)
        self.audit = ByTime(company.audit_events, lambda _: None, lambda e: e.time)
        self.runs = ByTime(company.runs, lambda r: r.repo, lambda r: r.created_at)
        self.approvals = ByTime(company.run_approvals, lambda a: (a.repo, a.run_id), lambda a: a.time)
        self.deployments = ByTime(company.deployments, lambda d: d.repo, lambda d: d.created_at)
        self.run_by_id = {(r.repo, r.id): r for r in company.runs}
        self.pull_by_number = {(p.repo, p.number): p for p in company.pull_requests}
        self.deployment_by_id = {(d.repo, d.id): d for d in company.deployments}
        self._reachable: dict[str, list[Commit]] = {}

    def updated(self, pr: PullRequest, now: datetime) -> datetime:
        """When a pull request last changed, as of an instant."""
        moments = [pr.created_at, *(at for at, _ in pr.pushes)]
        for review in self.reviews.until((pr.repo, pr.number), now):
            moments.append(review.submitted_at)
            if review.dismissed_at:
                moments.append(review.dismissed_at)
        if pr.closed_at:
            moments.append(pr.closed_at)
        return max(m for m in moments if m <= now)

    def head(self, repo: str, branch: str, now: datetime) -> str | None:
        """The SHA of a branch at an instant; None where there is no such branch."""
        found: str | None = None
        known = self.company.repositories[repo]
        if branch == known.protected_branch:
            found = known.initial_sha
        for update in self.activities.until(repo, now):
            if update.ref == f"refs/heads/{branch}":
                found = update.after if update.after.strip("0") else None
        return found

    def reachable(self, sha: str) -> list[Commit]:
        """The commits that can be reached from a SHA, newest first."""
        found = self._reachable.get(sha)
        if found is None:
            seen: dict[str, Commit] = {}
            todo = [sha]
            while todo:
                commit = self.company.commits.get(todo.pop())
                if commit and commit.sha not in seen:
                    seen[commit.sha] = commit
                    todo += commit.parents
            found = sorted(seen.values(), key=lambda c: (c.committed_at, c.sha), reverse=True)
            self._reachable[sha] = found
        return found
