"""Workflow runs with all attempts, their jobs, and the approvals of their deployments.

- Runs are listed by `created`. A filtered list ends at 1,000 results: a stretch that holds more is halved, down to
  one second; what cannot be halved is a gap.
- A run goes on changing: one that was not completed is asked again by every later collection, and one that an audit
  event of the window names (a re-run, weeks later) is asked singly. Without an audit log the list goes back 30 days,
  as far as GitHub allows a re-run.
- A run that was deleted meanwhile answers 404, which is kept; the audit log tells who deleted it.
- Jobs are asked per attempt: their ids change with it. Earlier attempts of a run are fetched singly.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from evidence.capture import Gap, instant
from evidence.sources.github.audit import RETENTION, runs_named
from evidence.sources.github.counting import MOST, counted
from evidence.sources.github.feed import SETTLED, Row, identity, when
from evidence.sources.github.inquiry import Question, path
from evidence.sources.github.repositories import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from evidence.sources.github.inquiry import Inquiry

_NEED = "Actions: read"
_OVERLAP = timedelta(hours=6)
_RERUNS = timedelta(days=30)
_SECOND = timedelta(seconds=1)
_GONE = ("Not Found",)  # a run that was deleted since it was listed: the kept 404 says so


def workflow_runs(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """Every run that was created or changed; every earlier attempt of those that were run again."""

    def attempts(repo: str, row: Row) -> None:
        for attempt in range(1, row.detail["attempt"]):
            where = path("repos", repo, "actions", "runs", row.id, "attempts", attempt)
            inquiry.ask(Question(where, _NEED, context={"_repo": repo, "_run_id": row.id}, absent=_GONE))

    return _changed(inquiry, cursor, attempts, records=True)


def workflow_jobs(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """The jobs of every attempt of every run that was created or changed."""

    def jobs(repo: str, row: Row) -> None:
        for attempt in range(1, row.detail["attempt"] + 1):
            where = path("repos", repo, "actions", "runs", row.id, "attempts", attempt, "jobs", per_page=100)
            question = Question(where, _NEED, items="jobs", context={"_repo": repo, "_run_id": row.id}, absent=_GONE)
            counted(inquiry, question, f"{repo} run {row.id} attempt {attempt} jobs")

    return _changed(inquiry, cursor, jobs)


def deployment_approvals(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """The approvals of every run that was created or changed (of the workflows in `approvals_of`, if set)."""
    only = inquiry.scope.approvals_of

    def approvals(repo: str, row: Row) -> None:
        if only and row.detail["path"] not in only:
            return
        where = path("repos", repo, "actions", "runs", row.id, "approvals")
        question = Question(where, _NEED, items="", context={"_repo": repo, "_run_id": row.id}, absent=_GONE)
        inquiry.ask(question)

    return _changed(inquiry, cursor, approvals)


def _changed(
    inquiry: Inquiry, cursor: Mapping[str, Any], take: Callable[[str, Row], None], *, records: bool = False
) -> dict[str, Any]:
    """Call `take` with every run that is not known as it is; the cursor of open and recent runs after."""
    after: dict[str, Any] = {}
    named = _named(inquiry)
    for repo in names(inquiry):
        before = cursor.get("repositories", {}).get(repo, {})
        rows = _rows(inquiry, repo, records=records)
        elsewhere = ({run for name, run in named if name == repo} | set(before.get("open", []))) - set(rows)
        for run in sorted(elsewhere):
            rows |= _single(inquiry, repo, run, records=records)
        known = before.get("recent", {})
        for row in sorted(rows.values()):
            if known.get(str(row.id)) != row.token:
                take(repo, row)
        after[repo] = _after(inquiry, rows.values())
    return {"repositories": after}


def _after(inquiry: Inquiry, rows: Iterable[Row]) -> dict[str, Any]:
    quiet = [row for row in rows if row.detail["updated"] < inquiry.now - SETTLED]
    return {
        "open": sorted(row.id for row in rows if row.detail["status"] != "completed"),
        "recent": {str(row.id): row.token for row in quiet if row.at >= inquiry.window.end - _OVERLAP},
    }


def _named(inquiry: Inquiry) -> list[tuple[str, int]]:
    return runs_named(inquiry) if _has_audit_log(inquiry) else []


def _has_audit_log(inquiry: Inquiry) -> bool:
    return inquiry.scope.audit_log != "none" and inquiry.window.start > inquiry.now - RETENTION


def _rows(inquiry: Inquiry, repo: str, *, records: bool) -> dict[int, Row]:
    start = inquiry.window.start - (_OVERLAP if _has_audit_log(inquiry) else _RERUNS)
    key = ("runs", repo, inquiry.window)
    context = {"_repo": repo} if records else {"_repo": repo, "_listing": True}
    if not records:
        held: dict[int, Row] = inquiry.shared(key, lambda: _list(inquiry, repo, (start, inquiry.window.end), context))
        return dict(held)
    made = _list(inquiry, repo, (start, inquiry.window.end), context)
    inquiry.fill(key, dict(made))
    return made


def _list(
    inquiry: Inquiry, repo: str, stretch: tuple[datetime, datetime], context: Mapping[str, Any]
) -> dict[int, Row]:
    start, end = stretch
    last = max(start, end - _SECOND)  # `created` has whole seconds and both ends of the range are inclusive
    where = path("repos", repo, "actions", "runs", created=f"{instant(start)}..{instant(last)}", per_page=100)
    question = Question(where, _NEED, items="workflow_runs", context=context)
    name = f"{repo} runs {instant(start)}..{instant(last)}"
    middle = (start + (end - start) / 2).replace(microsecond=0)
    can_split = start < middle < end
    items = counted(inquiry, question, name, most=MOST if can_split else 0)
    if items is None:
        return _list(inquiry, repo, (start, middle), context) | _list(inquiry, repo, (middle, end), context)
    if inquiry.totals[name] > MOST:
        cause = f"{repo}: more than {MOST} runs created at {instant(start)}; GitHub lists no more than {MOST}"
        inquiry.gaps.append(Gap(start, end, cause, "github.audit_log"))
    return {row.id: row for row in (_row(inquiry, item) for item in items)}


def _single(inquiry: Inquiry, repo: str, run: int, *, records: bool) -> dict[int, Row]:
    context = {"_repo": repo, "_run_id": run} | ({} if records else {"_listing": True})
    page = inquiry.ask(Question(path("repos", repo, "actions", "runs", run), _NEED, context=context, absent=_GONE))
    return {} if page.status == HTTPStatus.NOT_FOUND else {run: _row(inquiry, page.value)}


def _row(inquiry: Inquiry, item: Any) -> Row:
    attempt = item.get("run_attempt") or 1
    updated = when(item, "updated_at", otherwise=inquiry.now)
    detail = {"attempt": attempt, "status": item.get("status"), "path": item.get("path"), "updated": updated}
    created = when(item, "created_at", otherwise=inquiry.now)
    return Row(identity(item, "id", "workflow runs"), created, f"{attempt}:{item.get('updated_at')}", detail)
