"""Routes of code: repositories, pull requests, reviews, branch activity, commits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from demo.systems.github.bodies import dump
from demo.systems.github.paging import by_cursor, numbered, tagged
from demo.systems.github.routing import REPO, get, not_found

_SPANS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 366}

if TYPE_CHECKING:
    from demo.model import PullRequest
    from demo.systems import Request, Response
    from demo.systems.github.answers import Answers


@get(REPO)
def repository(a: Answers, r: Request) -> Response:
    """One repository."""
    repo = a.repository(r)
    updates = a.index.activities.until(repo.full_name, r.now)
    return tagged(dump(a.bodies.full_repository(repo, updates[-1].time if updates else repo.created_at)))


@get(f"{REPO}/pulls")
def pulls(a: Answers, r: Request) -> Response:
    """Pull requests by state, base, head; sorted by created or updated."""
    query, now = r.query, r.now
    state = query.get("state", "open")

    def wanted(pr: PullRequest) -> bool:
        closed = pr.closed_at is not None and pr.closed_at <= now
        return (
            (state == "all" or closed == (state == "closed"))
            and query.get("base", pr.base_ref) == pr.base_ref
            and query.get("head", pr.head_ref).rpartition(":")[2] == pr.head_ref
        )

    found = [p for p in a.index.pulls.until(a.repository(r).full_name, now) if wanted(p)]
    sort = query.get("sort", "created")
    if sort == "updated":
        found.sort(key=lambda p: (a.index.updated(p, now), p.number))
    if query.get("direction", "desc" if sort == "created" else "asc") == "desc":
        found.reverse()
    return numbered(r, found, lambda p: a.render_pull(p, now))


@get(f"{REPO}/pulls/(?P<number>\\d+)")
def pull(a: Answers, r: Request) -> Response:
    """One pull request with its counts."""
    return tagged(a.render_pull(a.pull(r), r.now, alone=True))


@get(f"{REPO}/pulls/(?P<number>\\d+)/reviews")
def reviews(a: Answers, r: Request) -> Response:
    """A pull request's reviews, oldest first."""
    pr = a.pull(r)
    return numbered(r, a.index.reviews.until((pr.repo, pr.number), r.now), lambda one: a.render_review(one, r.now))


@get(f"{REPO}/pulls/(?P<number>\\d+)/commits")
def pull_commits(a: Answers, r: Request) -> Response:
    """A pull request's commits, oldest first."""
    found = [a.company.commits[sha] for at, sha in a.pull(r).pushes if at <= r.now]
    return numbered(r, found, a.render_commit)


@get(f"{REPO}/pulls/(?P<number>\\d+)/files")
def pull_files(a: Answers, r: Request) -> Response:
    """What a pull request changes."""
    pr = a.pull(r)
    commits = [a.company.commits[sha] for at, sha in pr.pushes if at <= r.now]
    return numbered(r, a.bodies.files(pr.repo, pr.head_sha, *commits), dump)


@get(f"{REPO}/issues/(?P<number>\\d+)/events")
def issue_events(a: Answers, r: Request) -> Response:
    """A pull request's issue events, oldest first."""
    pr = a.pull(r)
    return numbered(r, a.pulls.events(pr, a.index.reviews.until((pr.repo, pr.number), r.now), r.now), dump)


@get(f"{REPO}/activity")
def activity(a: Answers, r: Request) -> Response:
    """Branch updates by ref, actor, type and span; newest first unless `direction=asc`."""
    query = r.query
    found = a.index.activities.until(a.repository(r).full_name, r.now)
    if ref := query.get("ref"):
        found = [x for x in found if x.ref in {ref, f"refs/heads/{ref}"}]
    if actor := query.get("actor"):
        found = [x for x in found if x.actor == actor]
    if kind := query.get("activity_type"):
        found = [x for x in found if x.activity_type == kind]
    if span := _SPANS.get(query.get("time_period", "")):
        found = [x for x in found if x.time >= r.now - timedelta(days=span)]
    if query.get("direction", "desc") != "asc":
        found = found[::-1]
    return by_cursor(r, found, a.render_activity, lambda x: str(x.id))


@get(f"{REPO}/commits")
def commits(a: Answers, r: Request) -> Response:
    """Commits that can be reached from a branch or SHA, newest first."""
    repo = a.repository(r)
    start = r.query.get("sha", repo.protected_branch)
    found = a.index.reachable(a.index.head(repo.full_name, start, r.now) or start)
    since, until = (_asked_time(r, name) for name in ("since", "until"))
    chosen = [c for c in found if (not since or c.committed_at >= since) and (not until or c.committed_at <= until)]
    return numbered(r, chosen, a.render_commit)


def _asked_time(r: Request, name: str) -> datetime | None:
    text = r.query.get(name)
    return datetime.fromisoformat(text) if text else None


@get(f"{REPO}/commits/(?P<sha>[0-9a-f]{{40}})")
def commit(a: Answers, r: Request) -> Response:
    """One commit with its files."""
    found = a.company.commits[r.params["sha"]]
    if found.repo != a.repository(r).full_name or found.committed_at > r.now:
        return not_found(f"No commit found for SHA: {found.sha}")
    return tagged(a.render_commit(found, alone=True))


@get(f"{REPO}/commits/(?P<sha>[0-9a-f]{{40}})/pulls")
def commit_pulls(a: Answers, r: Request) -> Response:
    """The pull requests that brought a commit."""
    sha = r.params["sha"]
    known = a.index.pulls.until(a.repository(r).full_name, r.now)
    found = [p for p in known if sha in p.commits or (sha == p.merge_commit_sha and (p.closed_at or r.now) <= r.now)]
    return numbered(r, found, lambda p: a.render_pull(p, r.now))
