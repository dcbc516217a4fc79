"""Routes of the organisation: audit log, members, teams, credentials, repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.http import json_response
from demo.systems.github import organisation
from demo.systems.github.bodies import dump
from demo.systems.github.paging import by_cursor, numbered
from demo.systems.github.routing import ORG, REPO, get

if TYPE_CHECKING:
    from demo.systems import Request, Response
    from demo.systems.github.answers import Answers


@get(f"{ORG}/audit-log")
def audit_log(a: Answers, r: Request) -> Response:
    """The audit log, newest first unless `order=asc`."""
    shown = organisation.audit_filter(dict(r.query), r.now)
    events = [e for e in a.index.audit.until(None, r.now) if shown(e)]
    if r.query.get("order", "desc") != "asc":
        events.reverse()
    return by_cursor(r, events, a.render_audit, lambda e: e.document_id)


@get(f"{ORG}/members")
def members(a: Answers, r: Request) -> Response:
    """Members; `role=admin` gives owners alone."""
    found = organisation.members(a.company, r.now)
    role = r.query.get("role", "all")
    chosen = [p for p in found if role == "all" or (role == "admin") == p.org_admin]
    return numbered(r, chosen, lambda p: dump(a.bodies.user(p.login)))


@get(f"{ORG}/repos")
def repos(a: Answers, r: Request) -> Response:
    """Repositories."""
    return numbered(r, list(a.company.repositories.values()), lambda repo: dump(a.bodies.repository(repo.full_name)))


@get(f"{ORG}/credential-authorizations")
def credential_authorizations(a: Answers, r: Request) -> Response:
    """Authorised tokens and keys."""
    found = organisation.credentials(a.company, r.now)
    return numbered(r, found, lambda c: dump(organisation.credential(a.company, c, r.now)))


@get(f"{ORG}/personal-access-tokens")
def personal_access_tokens(a: Answers, r: Request) -> Response:
    """Fine-grained tokens with access to the organisation: one, of whoever looks after the pipeline."""
    holder = next(p for p in organisation.members(a.company, r.now) if p.org_admin)
    return numbered(r, [holder], lambda p: dump(organisation.grant(a.company, a.bodies.user(p.login), r.now)))


@get(f"{REPO}/collaborators")
def collaborators(a: Answers, r: Request) -> Response:
    """Everybody with access to a repository: the teams' members may write, owners administer."""
    found = organisation.members(a.company, r.now)
    return numbered(r, found, lambda p: dump({**a.bodies.user(p.login), **organisation.access(p)}))


@get(f"{ORG}/teams")
def teams(a: Answers, r: Request) -> Response:
    """Teams."""
    return numbered(r, organisation.TEAMS, lambda slug: dump(organisation.team(a.company, slug)))


@get(f"{ORG}/teams/(?P<slug>[^/]+)/members")
def team_members(a: Answers, r: Request) -> Response:
    """A team's members."""
    found = [p for p in organisation.members(a.company, r.now) if r.params["slug"] in p.teams]
    return numbered(r, found, lambda p: dump(a.bodies.user(p.login)))


@get(f"{ORG}/teams/(?P<slug>[^/]+)/repos")
def team_repos(a: Answers, r: Request) -> Response:
    """A team's repositories with what it may do there."""
    allowed = {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True}
    return numbered(
        r,
        list(a.company.repositories.values()),
        lambda repo: dump({**a.bodies.repository(repo.full_name), "permissions": allowed, "role_name": "write"}),
    )


@get("/rate_limit")
def rate_limit(_: Answers, r: Request) -> Response:
    """The limits, always fresh."""
    limit = {"limit": 15_000, "remaining": 15_000, "reset": int(r.now.timestamp()) + 3600, "used": 0}
    return json_response({"resources": {"core": limit, "search": limit, "graphql": limit}, "rate": limit})
