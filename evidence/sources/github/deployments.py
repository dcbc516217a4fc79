"""Deployments and their statuses.

- Deployments are listed newest first; a listed item is the whole record.
- A status may come long after its deployment: one whose latest state is not final is asked again by every later
  collection, and the last success of an environment again when a newer deployment there may have made it inactive.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from evidence.sources.github.feed import Row, horizon, identity, listed, news, page_size, when
from evidence.sources.github.inquiry import Question, path
from evidence.sources.github.repositories import each_repository

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evidence.sources.github.inquiry import Inquiry

_NEED = "Deployments: read"
_FINAL = {"inactive", "failure", "error"}


def deployments(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """Every deployment created since the window's start."""

    def one(repo: str, state: Mapping[str, Any]) -> dict[str, Any]:
        down_to = horizon(state, inquiry.window.start)
        rows = _list(inquiry, repo, down_to, {"_repo": repo}, page_size(state))
        inquiry.fill(_key(inquiry, repo, down_to), rows)
        return news(state, rows, inquiry.window.start, inquiry.now)[1]

    return each_repository(inquiry, cursor, one)


def deployment_statuses(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
    """The statuses of every deployment that is new or whose state may have changed."""

    def one(repo: str, state: Mapping[str, Any]) -> dict[str, Any]:
        feed = state.get("feed", {})
        down_to = horizon(feed, inquiry.window.start)
        make = lambda: _list(inquiry, repo, down_to, {"_repo": repo, "_listing": True}, page_size(feed))  # noqa: E731 - used once
        rows = inquiry.shared(_key(inquiry, repo, down_to), make)
        new, after = news(feed, rows, inquiry.window.start, inquiry.now)
        fresh = {row.id: str(row.detail) for row in new}
        active = {int(number): where for number, (where, _) in state.get("active", {}).items()}
        waiting = {int(number) for number, (_, latest) in state.get("active", {}).items() if latest != "success"}
        superseded = {number for number, where in active.items() if where in fresh.values()}
        latest = {n: _statuses(inquiry, repo, n) for n in sorted(set(fresh) | waiting | superseded)}
        return {"feed": after, "active": _active(active | fresh, latest, state.get("active", {}))}

    return each_repository(inquiry, cursor, one)


def _active(
    environments: Mapping[int, str], latest: Mapping[int, str], before: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Deployments to look at again: those without a final state, and the newest success of each environment."""
    states = {n: latest.get(n, before[str(n)][1] if str(n) in before else "") for n in environments}
    newest: dict[str, int] = {where: n for n, where in sorted(environments.items()) if states[n] == "success"}
    return {
        str(n): [where, states[n]]
        for n, where in sorted(environments.items())
        if states[n] not in _FINAL and (states[n] != "success" or newest[where] == n)
    }


def _statuses(inquiry: Inquiry, repo: str, number: int) -> str:
    """Ask for the statuses of one deployment; its latest state, "" if it has none."""
    where = path("repos", repo, "deployments", number, "statuses", per_page=100)
    question = Question(where, _NEED, items="", context={"_repo": repo}, absent=("Not Found",))
    found = [item for page in inquiry.pages(question) if page.status == HTTPStatus.OK for item in page.items]
    newest: dict[str, Any] = max(found, key=lambda item: identity(item, "id", question.name), default={})
    return str(newest.get("state", ""))


def _list(inquiry: Inquiry, repo: str, down_to: datetime, context: Mapping[str, Any], size: int) -> list[Row]:
    question = Question(path("repos", repo, "deployments", per_page=size), _NEED, items="", context=context)

    def row(item: Any) -> Row:
        number = identity(item, "id", question.name)
        at = when(item, "created_at", otherwise=inquiry.now)
        return Row(number, at, str(item.get("updated_at")), item.get("environment"))

    return listed(inquiry, question, row, down_to)


def _key(inquiry: Inquiry, repo: str, down_to: datetime) -> tuple[Any, ...]:
    return ("deployments", repo, inquiry.window, down_to)
