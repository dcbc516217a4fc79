"""Which repositories and branches are asked, and the cursor that each of them has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evidence.errors import SourceRejected
from evidence.sources.github.inquiry import Question, path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evidence.sources.github.inquiry import Inquiry


def names(inquiry: Inquiry) -> list[str]:
    """Full names of the repositories in scope; all that the token sees if the settings name none."""
    scope = inquiry.scope
    found = _visible(inquiry) if scope.repositories is None else list(scope.repositories)
    return [f"{scope.organisation}/{name}" for name in found]


def branches(inquiry: Inquiry, repo: str) -> tuple[str, ...]:
    """The branches that count in a repository: those of the settings, else its default branch."""
    name = repo.partition("/")[2]
    configured = (inquiry.scope.repositories or {}).get(name, ())
    if configured:
        return configured
    day = inquiry.now.date()
    return (str(inquiry.shared(("default branch", repo, day), lambda: _default_branch(inquiry, repo))),)


def each_repository(
    inquiry: Inquiry,
    cursor: Mapping[str, Any],
    one: Callable[[str, Mapping[str, Any]], Mapping[str, Any]],
) -> dict[str, Any]:
    """Call `one` with every repository and its part of the cursor; the parts after, put together."""
    before = cursor.get("repositories", {})
    return {"repositories": {repo: one(repo, before.get(repo, {})) for repo in names(inquiry)}}


def _visible(inquiry: Inquiry) -> list[str]:
    def make() -> list[str]:
        question = Question(
            path("orgs", inquiry.scope.organisation, "repos", type="all", per_page=100), "Metadata: read",
            items="", context={"_listing": True},
        )  # fmt: skip
        found = sorted({str(item["name"]) for page in inquiry.pages(question) for item in page.items})
        if not found:
            raise SourceRejected(
                f"{question.name}: the token sees no repository of {inquiry.scope.organisation!r}",
                next_step="Give the token Metadata: read on the repositories in scope, or correct the organisation.",
            )
        return found

    listing: list[str] = inquiry.shared(("repositories", inquiry.window, inquiry.now), make)
    return listing


def _default_branch(inquiry: Inquiry, repo: str) -> str:
    question = Question(path("repos", repo), "Metadata: read", context={"_repo": repo, "_listing": True})
    return str(inquiry.ask(question).value["default_branch"])
