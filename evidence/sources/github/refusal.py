"""What an answer that is no 200 means: come back later, no, or a cursor that expired."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from evidence.errors import SourceRejected

if TYPE_CHECKING:
    from evidence.sources.github.inquiry import Question
    from evidence.sources.github.wire import Answer

_NEXT = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?')
_LIMITED = ("rate limit", "abuse detection", "please wait a few minutes", "retry your request again later")
_CURSOR_GONE = {400, 404, 410, 422}


class CursorExpiredError(SourceRejected):
    """GitHub no longer knows the cursor of a page after the first."""


def wants_us_back(answer: Answer) -> str:
    """Why the answer is no answer yet, "" if it is one."""
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in {202, 408, 429}:
        return f"status {answer.status}"
    limited = "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status == HTTPStatus.FORBIDDEN and (limited or any(word in message(answer).lower() for word in _LIMITED)):
        return "status 403 (rate limit)"
    return ""


def refusal(question: Question, answer: Answer) -> SourceRejected | None:
    """The error that the answer means; None if it is the answer (200, or a 404 that is one)."""
    said = message(answer)
    asked = f"{question.name}: status {answer.status}, {said!r}"
    absent = answer.status == HTTPStatus.NOT_FOUND and bool(question.absent) and said.startswith(question.absent)
    if absent or answer.status == HTTPStatus.OK:
        return None
    if question.page and answer.status in _CURSOR_GONE:
        return CursorExpiredError(f"{asked}: the cursor expired, again and again")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return SourceRejected(asked, next_step="The token is expired or revoked: issue a new one.")
    if answer.status in {403, 404}:
        accepted = answer.headers.get("x-accepted-github-permissions", "")
        return SourceRejected(
            f"{asked}: it takes {question.need}" + (f" (GitHub names: {accepted})" if accepted else ""),
            next_step=f"Give the token {question.need}, for this organisation and all repositories asked"
            + (", and authorise it for single sign-on." if "x-github-sso" in answer.headers else "."),
        )
    return SourceRejected(asked, next_step="Check the organisation, the repository names and the URL.")


def graphql_trouble(question: Question, value: Any) -> str:
    """Why a GraphQL answer is no whole answer, "" if it is one.

    Raises:
        SourceRejected: if GitHub refuses.
    """
    errors = value.get("errors") or []
    kinds = {str(error.get("type", "")) for error in errors if isinstance(error, dict)}
    if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES", "NOT_FOUND"}:
        raise SourceRejected(
            f"{question.name}: {errors[0].get('message', errors[0])!r}: it takes {question.need}",
            next_step=f"Give the token {question.need}.",
        )
    return f"GraphQL errors: {', '.join(sorted(kinds)) or 'unnamed'}" if errors else ""


def message(answer: Answer) -> str:
    """GitHub's own words in an error's body, at most 200 characters; "" if it has none."""
    try:
        value = json.loads(answer.body)
    except ValueError:
        return ""
    return str(value.get("message", ""))[:200] if isinstance(value, dict) else ""


def next_path(link: str, prefix: str) -> str:
    """The path of the next page in a Link header, relative to the API's root; "" if there is none."""
    found = _NEXT.search(link)
    return relative(found.group(1), prefix) if found else ""


def relative(url: str, prefix: str) -> str:
    """Path and query of `url` without the API root's own path."""
    parts = urlsplit(url)
    return parts.path.removeprefix(prefix) + (f"?{parts.query}" if parts.query else "")
