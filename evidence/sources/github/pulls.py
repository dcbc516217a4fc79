"""Pull requests and what hangs on them: reviews, commits, issue events.

- A pull request's `updated_at` moves with its reviews, pushes and events: what changed is asked again in whole.
- The list lacks `merged_by` and counts, so that each changed pull request is fetched singly.
- GitHub lists at most 250 commits of a pull request; where it stops, that is a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evidence.capture import Gap
from evidence.sources.github.feed import Row, horizon, identity, listed, news, page_size, when
from evidence.sources.github.inquiry import Question, path
from evidence.sources.github.repositories import each_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from evidence.sources.github.inquiry import Inquiry

    _Take = Callable[[Inquiry, str, int], object]

_NEED = "Pull requests: read"
_MOST_COMMITS = 250


def pull_requests(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """Every pull request that changed, fetched singly."""
    return _changed(inquiry, cursor, _single)


def reviews(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """The reviews of every pull request that changed."""
    return _changed(inquiry, cursor, lambda inquiry, repo, number: _under(inquiry, repo, number, "reviews"))


def commits(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """The commits of every pull request that changed."""
    return _changed(inquiry, cursor, _commits)


def issue_events(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """The issue events of every pull request that changed."""
    return _changed(inquiry, cursor, _events)


def _changed(
    inquiry: Inquiry, cursor: Mapping[str, Any], take: Callable[[Inquiry, str, int], object]
) -> dict[str, Any]:
    def one(repo: str, state: Mapping[str, Any]) -> dict[str, Any]:
        down_to = horizon(state, inquiry.window.start)
        rows = inquiry.shared(
            ("pulls", repo, inquiry.window, down_to), lambda: _list(inquiry, repo, down_to, page_size(state))
        )
        taken, after = news(state, rows, inquiry.window.start, inquiry.now)
        for row in sorted(taken):
            take(inquiry, repo, row.id)
        return after

    return each_repository(inquiry, cursor, one)


def _list(inquiry: Inquiry, repo: str, down_to: datetime, size: int) -> list[Row]:
    question = Question(
        path("repos", repo, "pulls", state="all", sort="updated", direction="desc", per_page=size),
        _NEED, items="", context={"_repo": repo, "_listing": True},
    )  # fmt: skip

    def row(item: Any) -> Row:
        number = identity(item, "number", question.name)
        return Row(number, when(item, "updated_at", otherwise=inquiry.now), str(item.get("updated_at")))

    return listed(inquiry, question, row, down_to)


def _single(inquiry: Inquiry, repo: str, number: int) -> None:
    inquiry.ask(Question(path("repos", repo, "pulls", number), _NEED, context={"_repo": repo, "_pull_number": number}))


def _under(inquiry: Inquiry, repo: str, number: int, what: str) -> int:
    question = Question(
        path("repos", repo, "pulls", number, what, per_page=100), _NEED, items="",
        context={"_repo": repo, "_pull_number": number},
    )  # fmt: skip
    return sum(len(page.items) for page in inquiry.pages(question))


def _commits(inquiry: Inquiry, repo: str, number: int) -> None:
    if _under(inquiry, repo, number, "commits") >= _MOST_COMMITS:
        cause = f"{repo}#{number}: GitHub lists at most {_MOST_COMMITS} commits of a pull request"
        inquiry.gaps.append(Gap(inquiry.window.start, inquiry.window.end, cause, "git.commits"))


def _events(inquiry: Inquiry, repo: str, number: int) -> None:
    question = Question(
        path("repos", repo, "issues", number, "events", per_page=100), "Issues: read", items="",
        context={"_repo": repo, "_issue": number},
    )  # fmt: skip
    for _ in inquiry.pages(question):
        pass
