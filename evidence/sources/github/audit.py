"""The organisation's audit log: asked by `created`, oldest first, Git events included.

- Pages follow GitHub's own cursors; both ends of the range are inclusive, so that the end's own instant is seen twice
  rather than never.
- What retention has removed is a gap: 180 days for all events, 7 days for Git events. `audit_log: web` leaves Git
  events out on purpose.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from evidence.capture import Gap, instant
from evidence.sources.github.inquiry import Question, path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evidence.sources.github.inquiry import Inquiry

RETENTION = timedelta(days=180)
GIT_RETENTION = timedelta(days=7)


def audit_log(inquiry: Inquiry, _cursor: Mapping[str, Any]) -> dict[str, Any]:
    """Every event of the window."""
    runs = set[tuple[str, int]]()
    for page in _pages(inquiry, {}):
        runs.update(_runs(page.items))
    inquiry.fill(_key(inquiry), sorted(runs))
    _gap(inquiry, RETENTION, "audit events are kept 180 days", "elasticsearch.github_audit_log")
    if inquiry.scope.audit_log == "all":
        _gap(inquiry, GIT_RETENTION, "Git events of the audit log are kept 7 days", "github.branch_activity")
    return {}


def runs_named(inquiry: Inquiry) -> list[tuple[str, int]]:
    """Repository and id of every workflow run that an event of the window names: re-runs and completions among them."""

    def make() -> list[tuple[str, int]]:
        found = {run for page in _pages(inquiry, {"_listing": True}) for run in _runs(page.items)}
        return sorted(found)

    named: list[tuple[str, int]] = inquiry.shared(_key(inquiry), make)
    return named


def _pages(inquiry: Inquiry, context: Mapping[str, Any]) -> Iterator[Any]:
    window = inquiry.window
    question = Question(
        path(
            "orgs", inquiry.scope.organisation, "audit-log", include=inquiry.scope.audit_log, order="asc",
            per_page=100, phrase=f"created:{instant(window.start)}..{instant(window.end)}",
        ),
        "Organization administration: read (audit log; Enterprise Cloud)", items="", context=context,
    )  # fmt: skip
    return inquiry.pages(question)


def _key(inquiry: Inquiry) -> tuple[Any, ...]:
    return ("runs named", inquiry.window)


def _runs(events: list[Any]) -> Iterator[tuple[str, int]]:
    for event in events:
        if not isinstance(event, dict) or not str(event.get("action", "")).startswith("workflows."):
            continue
        repo, run = event.get("repo"), event.get("workflow_run_id")
        if isinstance(repo, str) and isinstance(run, int):
            yield repo, run


def _gap(inquiry: Inquiry, kept: timedelta, cause: str, recoverable_from: str) -> None:
    end = min(inquiry.window.end, inquiry.now - kept)
    if inquiry.window.start < end:
        inquiry.gaps.append(Gap(inquiry.window.start, end, cause, recoverable_from))
