"""Pull requests, their reviews and their issue events as GitHub answers them as of an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from demo.systems.github.bodies import API, WEB, Bodies, node_id, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from demo.model import PullRequest, Review

_EVENT_IDS = 50_000_000_000


@dataclass(frozen=True, slots=True)
class Pulls:
    """Renders pull requests and what belongs to them."""

    bodies: Bodies

    def pull(self, pr: PullRequest, now: datetime, updated: datetime, *, alone: bool = False) -> dict[str, object]:
        """A pull request as of an instant, in a list or `alone` with its counts."""
        url, page = f"{API}/repos/{pr.repo}/pulls/{pr.number}", f"{WEB}/{pr.repo}/pull/{pr.number}"
        issue = f"{API}/repos/{pr.repo}/issues/{pr.number}"
        closed = pr.closed_at if pr.closed_at and pr.closed_at <= now else None
        merged = closed if pr.merged_at else None
        head = head_at(pr, now)
        links = {
            "html": page, "issue": issue, "comments": f"{issue}/comments", "review_comments": f"{url}/comments",
            "review_comment": f"{API}/repos/{pr.repo}/pulls/comments{{/number}}", "commits": f"{url}/commits",
            "statuses": f"{API}/repos/{pr.repo}/statuses/{head}",
        }  # fmt: skip
        body: dict[str, object] = {
            "url": url, "id": pr.id, "node_id": node_id("PR", pr.id), "html_url": page, "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch", "issue_url": issue, "number": pr.number,
            "state": "closed" if closed else "open", "locked": False, "title": pr.title,
            "user": self.bodies.user(pr.author),
            "body": pr.body or None, "created_at": stamp(pr.created_at), "updated_at": stamp(updated),
            "closed_at": stamp(closed), "merged_at": stamp(merged),
            "merge_commit_sha": pr.merge_commit_sha if merged else _test_merge(head), "assignee": None,
            "assignees": [], "requested_reviewers": [], "requested_teams": [],
            "labels": [_label(pr.repo, name) for name in pr.labels], "milestone": None, "draft": False,
            **{f"{name}_url": links[name] for name in links if name not in {"html", "issue"}},
            "head": self._side(pr.repo, pr.head_ref, head, pr.author),
            "base": self._side(pr.repo, pr.base_ref, pr.base_sha),
            "_links": {"self": {"href": url}, **{name: {"href": link} for name, link in links.items()}},
            "author_association": "CONTRIBUTOR" if self.bodies.is_bot(pr.author) else "MEMBER", "auto_merge": None,
            "active_lock_reason": None,
        }  # fmt: skip
        if alone:
            body |= self._counts(pr, now, merged)
        return body

    def _counts(self, pr: PullRequest, now: datetime, merged: datetime | None) -> dict[str, object]:
        commits = [self.bodies.company.commits[sha] for at, sha in pr.pushes if at <= now]
        files = {f.path: f for c in commits for f in c.files}.values()
        return {
            "merged": merged is not None, "mergeable": None if merged else True, "rebaseable": None if merged else True,
            "mergeable_state": "unknown" if merged else "clean",
            "merged_by": self.bodies.user(pr.merged_by) if merged and pr.merged_by else None, "comments": 0,
            "review_comments": 0, "maintainer_can_modify": False, "commits": len(commits),
            "additions": sum(f.additions for f in files), "deletions": sum(f.deletions for f in files),
            "changed_files": len(files),
        }  # fmt: skip

    def _side(self, repo: str, ref: str, sha: str, author: str | None = None) -> dict[str, object]:
        person = author and not self.bodies.is_bot(author)
        return {
            "label": f"{self.bodies.company.org}:{ref}", "ref": ref, "sha": sha,
            "user": self.bodies.user(author) if author and person else self.bodies.organisation(),
            "repo": self._pull_repo(repo),
        }  # fmt: skip

    def _pull_repo(self, name: str) -> dict[str, object]:
        repo = self.bodies.company.repositories[name]
        return self.bodies.full_repository(repo, repo.created_at + timedelta(days=1))

    def review(self, one: Review, now: datetime) -> dict[str, object]:
        """A review as of an instant: dismissed once it was."""
        page = f"{WEB}/{one.repo}/pull/{one.number}"
        pull = f"{API}/repos/{one.repo}/pulls/{one.number}"
        dismissed = one.dismissed_at is not None and one.dismissed_at <= now
        link = f"{page}#pullrequestreview-{one.id}"
        return {
            "id": one.id, "node_id": node_id("PRR", one.id), "user": self.bodies.user(one.user), "body": one.body,
            "state": "DISMISSED" if dismissed else one.state, "html_url": link, "pull_request_url": pull,
            "_links": {"html": {"href": link}, "pull_request": {"href": pull}},
            "submitted_at": stamp(one.submitted_at),
            "updated_at": stamp(one.dismissed_at if dismissed else one.submitted_at),
            "commit_id": one.commit_id, "author_association": "NONE" if self.bodies.is_bot(one.user) else "MEMBER",
        }  # fmt: skip

    def events(self, pr: PullRequest, reviews: list[Review], now: datetime) -> list[dict[str, object]]:
        """The issue events up to an instant: dismissals, merge, close; oldest first."""
        found: list[tuple[datetime, dict[str, object]]] = []
        for one in reviews:
            if one.dismissed_at and one.dismissed_by and one.dismissed_at <= now:
                event = self._event(pr, "review_dismissed", one.dismissed_by, one.dismissed_at)
                event["id"] = one.dismissal_event_id
                event["dismissed_review"] = {
                    "state": one.state.lower(), "review_id": one.id, "dismissal_message": one.dismissal_message,
                    "dismissal_commit_id": None if one.dismissal_message else head_at(pr, one.dismissed_at),
                }  # fmt: skip
                found.append((one.dismissed_at, event))
        if pr.closed_at and pr.closed_at <= now:
            by = pr.merged_by or pr.author
            if pr.merged_at:
                merged = self._event(pr, "merged", by, pr.closed_at)
                merged |= {
                    "commit_id": pr.merge_commit_sha,
                    "commit_url": f"{API}/repos/{pr.repo}/commits/{pr.merge_commit_sha}",
                }
                found.append((pr.closed_at, merged))
            found.append((pr.closed_at, self._event(pr, "closed", by, pr.closed_at)))
        return [event for _, event in sorted(found, key=lambda pair: pair[0])]

    def _event(self, pr: PullRequest, name: str, actor: str, at: datetime) -> dict[str, object]:
        number = _EVENT_IDS + pr.id * 2 + (name == "closed")
        return {
            "id": number, "node_id": node_id("IE", number), "url": f"{API}/repos/{pr.repo}/issues/events/{number}",
            "actor": self.bodies.user(actor), "event": name, "commit_id": None, "commit_url": None,
            "created_at": stamp(at), "performed_via_github_app": None,
        }  # fmt: skip


def head_at(pr: PullRequest, now: datetime) -> str:
    """The head SHA of a pull request at an instant."""
    return next((sha for at, sha in reversed(pr.pushes) if at <= now), pr.base_sha)


def _test_merge(head: str) -> str:
    return head[::-1]


def _label(repo: str, name: str) -> dict[str, object]:
    return {
        "id": sum(name.encode()) * 1_000_003, "node_id": node_id("LA", name),
        "url": f"{API}/repos/{repo}/labels/{name}", "name": name, "description": "", "color": "d73a4a",
        "default": False, "archived_by": None,
    }  # fmt: skip
