"""The state of settings and people at the time of asking: each capture is stamped with `_as_of`.

- A past state cannot be had: a snapshot that was not taken is missing for good.
- Most days nothing changed: the cursor remembers ETags, and 304 notes the earlier body as the state of today.
- "Branch not protected" (404) is evidence, and kept. Any other 404 is a refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from evidence.sources.github.counting import counted
from evidence.sources.github.feed import identity
from evidence.sources.github.inquiry import Question, path
from evidence.sources.github.repositories import branches, names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evidence.sources.github.inquiry import Inquiry

_ADMINISTRATION = "Administration: read (repository)"
_UNPROTECTED = ("Branch not protected", "Branch not found")
_IDENTITIES = """
query externalIdentities($organisation: String!, $after: String) {
  organization(login: $organisation) {
    samlIdentityProvider {
      externalIdentities(first: 100, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes {
          guid
          samlIdentity { nameId username }
          scimIdentity { username }
          user { login databaseId }
        }
      }
    }
  }
}
"""


def snapshot(take: Callable[[Inquiry], None]) -> Callable[[Inquiry, Mapping[str, Any]], dict[str, Any]]:
    """A snapshot as a collection: its cursor is the answers seen, by path."""

    def collect(inquiry: Inquiry, cursor: Mapping[str, Any]) -> dict[str, Any]:
        inquiry.recall(cursor.get("seen", {}))
        take(inquiry)
        return {"seen": inquiry.learnt()}

    return collect


def rulesets(inquiry: Inquiry) -> None:
    """Every ruleset that applies to each repository, fetched singly: the list lacks the rules."""
    for repo in names(inquiry):
        context = {"_repo": repo, **inquiry.as_of}
        where = path("repos", repo, "rulesets", includes_parents="true", per_page=100)
        listing = Question(where, "Metadata: read", items="", context={**context, "_listing": True})
        found = {identity(item, "id", listing.name) for page in inquiry.pages(listing) for item in page.items}
        for number in sorted(found):
            single = path("repos", repo, "rulesets", number, includes_parents="true")
            inquiry.ask(Question(single, "Administration: write (to see bypass actors)", context=context))


def branch_protection(inquiry: Inquiry) -> None:
    """The classic protection of every branch that counts."""
    for repo in names(inquiry):
        for branch in branches(inquiry, repo):
            where = path("repos", repo, "branches", quote(branch, safe=""), "protection")
            context = {"_repo": repo, "_branch": branch, **inquiry.as_of}
            inquiry.ask(Question(where, _ADMINISTRATION, context=context, absent=_UNPROTECTED))


def environments(inquiry: Inquiry) -> None:
    """The environments of every repository, with their protection rules."""
    for repo in names(inquiry):
        where = path("repos", repo, "environments", per_page=100)
        context = {"_repo": repo, **inquiry.as_of}
        counted(
            inquiry, Question(where, "Actions: read", items="environments", context=context), f"{repo} environments"
        )


def members(inquiry: Inquiry) -> None:
    """The members of the organisation."""
    where = path("orgs", inquiry.scope.organisation, "members", per_page=100)
    _all(inquiry, Question(where, "Members: read", items="", context=inquiry.as_of))


def credential_authorizations(inquiry: Inquiry) -> None:
    """The credentials that are authorised for single sign-on."""
    where = path("orgs", inquiry.scope.organisation, "credential-authorizations", per_page=100)
    _all(inquiry, Question(where, "Organization administration: read", items="", context=inquiry.as_of))


def personal_access_tokens(inquiry: Inquiry) -> None:
    """The fine-grained personal access tokens that may reach the organisation."""
    where = path("orgs", inquiry.scope.organisation, "personal-access-tokens", per_page=100)
    _all(inquiry, Question(where, "Personal access tokens: read", items="", context=inquiry.as_of))


def collaborators(inquiry: Inquiry) -> None:
    """Who may do what in each repository, by whatever way: member, team, or invited directly."""
    for repo in names(inquiry):
        where = path("repos", repo, "collaborators", per_page=100)
        _all(inquiry, Question(where, "Metadata: read", items="", context={"_repo": repo, **inquiry.as_of}))


def external_identities(inquiry: Inquiry) -> None:
    """The SAML and SCIM identities linked to accounts."""
    after: str | None = None
    while True:
        variables = {"organisation": inquiry.scope.organisation, "after": after}
        name = "/graphql?query=externalIdentities" + (f"&after={after}" if after else "")
        need = "Organization administration: read (SAML identities; organisation owner)"
        page = inquiry.ask(Question(name, need, context=inquiry.as_of, query=_IDENTITIES, variables=variables))
        organisation = page.value.get("data", {}).get("organization") or {}
        found = (organisation.get("samlIdentityProvider") or {}).get("externalIdentities") or {}
        if "totalCount" in found:
            inquiry.totals["external identities"] = int(found["totalCount"])
        following = found.get("pageInfo") or {}
        if not following.get("hasNextPage"):
            return
        after = following["endCursor"]


def _all(inquiry: Inquiry, question: Question) -> None:
    for _ in inquiry.pages(question):
        pass
