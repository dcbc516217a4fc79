"""What reached the branches: repository activity, rule suites, commits.

- Activity is listed newest first, by cursor; its before/after chain proves completeness later.
- Rule suites can be asked for the last hour, day, week or month only: what is older is a gap.
- Commits are listed by their committer's date, which a push may carry from long ago. So the first parents are walked
  from the branch's head to the head that the last collection saw, and where the list has a hole it is read on from
  there. What a merge brings in beside its first parents is older: github.pull_request_commits has it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from evidence.capture import Gap, instant
from evidence.sources.github.feed import Row, horizon, identity, listed, news, page_size, when
from evidence.sources.github.inquiry import Question, path
from evidence.sources.github.repositories import branches, each_repository

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evidence.sources.github.inquiry import Inquiry

SUITE_RETENTION = timedelta(days=30)
_PERIODS = (("hour", timedelta(hours=1)), ("day", timedelta(days=1)), ("week", timedelta(days=7)))
_WALK = 10  # pages of 100 commits


def branch_activity(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """Every update of every branch since the window's start."""

    def one(repo: str, state: Mapping[str, Any]) -> dict[str, Any]:
        where = path("repos", repo, "activity", direction="desc", per_page=page_size(state))
        question = Question(where, "Contents: read", items="", context={"_repo": repo})
        return _feed(inquiry, question, state, "timestamp")

    return each_repository(inquiry, cursor, one)


def rule_suites(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """Every evaluation of rules since the window's start; those that did not pass singly, with their rules."""
    oldest = inquiry.now - SUITE_RETENTION
    if inquiry.window.start < oldest:
        cause = "GitHub lists rule suites of the last month only"
        end = min(inquiry.window.end, oldest)
        inquiry.gaps.append(Gap(inquiry.window.start, end, cause, "github.audit_log"))

    def one(repo: str, state: Mapping[str, Any]) -> dict[str, Any]:
        down_to = horizon(state, inquiry.window.start)
        age = inquiry.now - down_to
        period = next((name for name, length in _PERIODS if age <= length), "month")
        where = path("repos", repo, "rulesets", "rule-suites", per_page=page_size(state), time_period=period)
        need = "Administration: read (repository)"
        question = Question(where, need, items="", context={"_repo": repo})
        rows = listed(inquiry, question, _row(inquiry, question, "pushed_at"), down_to)
        taken, after = news(state, rows, inquiry.window.start, inquiry.now)
        for row in sorted(taken):
            if row.detail != "pass":
                single = path("repos", repo, "rulesets", "rule-suites", row.id)
                inquiry.ask(Question(single, need, context={"_repo": repo}))
        return after

    return each_repository(inquiry, cursor, one)


def commits(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """Every commit that reached a branch that counts since the window's start."""

    def one(repo: str, state: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _branch(inquiry, repo, name, state.get(name, {})) for name in branches(inquiry, repo)}

    return each_repository(inquiry, cursor, one)


def _feed(inquiry: Inquiry, question: Question, state: Mapping[str, Any], time: str) -> dict[str, Any]:
    down_to = horizon(state, inquiry.window.start)
    rows = listed(inquiry, question, _row(inquiry, question, time), down_to)
    return news(state, rows, inquiry.window.start, inquiry.now)[1]


def _row(inquiry: Inquiry, question: Question, time: str) -> Any:
    def row(item: Any) -> Row:
        number = identity(item, "id", question.name)
        return Row(number, when(item, time, otherwise=inquiry.now), str(item.get(time)), item.get("result"))

    return row


def _branch(inquiry: Inquiry, repo: str, branch: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """List one branch; its cursor: how far down the dates are known, and the head that was seen."""
    since = horizon(state, inquiry.window.start)
    parents: dict[str, str] = {}
    head = _list(inquiry, repo, branch, parents, start=branch, since=instant(since))
    _close(inquiry, repo, branch, parents, head=head, known=state.get("head", ""))
    after = news(state, [], inquiry.window.start, inquiry.now)[1]
    return {**after, "to": instant(max(inquiry.window.end, since)), "head": head or state.get("head", "")}


def _close(inquiry: Inquiry, repo: str, branch: str, parents: dict[str, str], *, head: str, known: str) -> None:
    """Read on wherever the chain of first parents from `head` to `known` has a hole."""
    for _ in range(_WALK):
        at = head
        while at and at != known and at in parents:
            at = parents[at]
        if not known or not at or at == known:
            return
        _list(inquiry, repo, branch, parents, start=at, pages=1)
    cause = f"{repo}: {branch} was rewritten: its head {known[:12]} is not among the first parents of {head[:12]}"
    inquiry.gaps.append(Gap(inquiry.window.start, inquiry.window.end, cause, "github.branch_activity"))


def _list(
    inquiry: Inquiry, repo: str, branch: str, parents: dict[str, str], *, start: str, since: str = "", pages: int = 0
) -> str:
    """List commits from `start` down, note each one's first parent; the first SHA listed."""
    limits = {"since": since} if since else {}
    where = path("repos", repo, "commits", sha=start, per_page=100, **limits)
    question = Question(where, "Contents: read", items="", context={"_repo": repo, "_branch": branch})
    first = ""
    for number, page in enumerate(inquiry.pages(question), start=1):
        for item in page.items:
            first = first or str(item["sha"])
            parents[str(item["sha"])] = str(item["parents"][0]["sha"]) if item.get("parents") else ""
        if number == pages:
            break
    return first
