"""The organisation's audit log, members, teams, credentials and single sign-on identities as of an instant."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from demo import roster
from demo.systems.github.bodies import API, WEB, Bodies, node_id, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from demo.model import AuditEvent, Company, Credential, Person

RETAINED = timedelta(days=180)
GIT_RETAINED = timedelta(days=7)
_DEFAULT_SPAN = timedelta(days=92)
_NAMESPACE = uuid.UUID("0d0fe4a2-7b7c-4a53-8a51-3f3a2c1e9b70")
TEAMS = ("developers", "leads", "platform", "sre", "security", "audit")


def audit_event(bodies: Bodies, event: AuditEvent) -> dict[str, object]:
    """One entry of the audit log."""
    milliseconds = int(event.time.timestamp() * 1000)
    body: dict[str, object] = {
        "@timestamp": milliseconds, "_document_id": event.document_id, "action": event.action,
        "business": roster.BUSINESS, "business_id": roster.BUSINESS_ID, "created_at": milliseconds,
        "operation_type": event.operation_type, "org": bodies.company.org, "org_id": bodies.company.org_id,
    }  # fmt: skip
    if event.actor is not None:
        body |= {
            "actor": event.actor,
            "actor_id": bodies.account_id(event.actor),
            "actor_is_bot": bodies.is_bot(event.actor),
        }
    if event.repo is not None:
        body |= {"repo": event.repo, "repo_id": bodies.company.repositories[event.repo].id, "public_repo": False}
    return body | dict(event.fields)


def audit_filter(query: dict[str, str], now: datetime) -> Callable[[AuditEvent], bool]:
    """What the audit log shows at `now` for `phrase` and `include`: retention, range, categories, qualifiers."""
    phrase = query.get("phrase", "")
    wanted = dict(re.findall(r"(\w+):(\S+)", phrase))
    low, high = created_range(wanted.get("created", ""))
    if not low and not high:
        low = now - _DEFAULT_SPAN
    include = query.get("include", "web")

    def shown(event: AuditEvent) -> bool:
        git = event.action.startswith("git.")
        return (
            event.time <= now
            and now - event.time <= (GIT_RETAINED if git else RETAINED)
            and (include == "all" or (include == "git") == git)
            and (low is None or event.time >= low)
            and (high is None or event.time <= high)
            and all(
                key not in wanted or _matches(value, wanted[key])
                for key, value in (("action", event.action), ("actor", event.actor), ("repo", event.repo))
            )
        )

    return shown


def _matches(value: str | None, wanted: str) -> bool:
    return value is not None and (value == wanted or value.startswith(f"{wanted}."))


def created_range(text: str) -> tuple[datetime | None, datetime | None]:
    """The inclusive bounds of `A..B`, `>=A`, `<=B`, `>A`, `<B` or one day; None where open."""
    tick = timedelta(milliseconds=1)
    if not text:
        return None, None
    if ".." in text:
        first, _, last = text.partition("..")
        return _instant(first), _end(last)
    for sign, found in (
        (">=", lambda t: (_instant(t), None)),
        ("<=", lambda t: (None, _end(t))),
        (">", lambda t: ((_end(t) or datetime.max.replace(tzinfo=UTC)) + tick, None)),
        ("<", lambda t: (None, (_instant(t) or datetime.max.replace(tzinfo=UTC)) - tick)),
    ):
        if text.startswith(sign):
            return found(text.removeprefix(sign))
    return _instant(text), _end(text)


def _instant(text: str) -> datetime | None:
    if text in {"", "*"}:
        return None
    found = datetime.fromisoformat(text.replace(" ", "+"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _end(text: str) -> datetime | None:
    """The last instant that a bound names: a date means its whole day, a second its whole second."""
    found = _instant(text)
    if found is None:
        return None
    whole = timedelta(seconds=1) if "T" in text else timedelta(days=1)
    return found + whole - timedelta(microseconds=1)


def members(company: Company, now: datetime) -> list[Person]:
    """Who is a member of the organisation at an instant."""
    return [
        p
        for p in company.people.values()
        if p.github_joined_at and p.github_joined_at <= now and not (p.github_removed_at and p.github_removed_at <= now)
    ]


def credentials(company: Company, now: datetime) -> list[Credential]:
    """The credentials that are authorised at an instant."""
    inside = {p.worker_id for p in members(company, now)}
    return [
        c
        for c in company.credentials
        if c.authorized_at <= now and c.worker_id in inside and not (c.revoked_at and c.revoked_at <= now)
    ]


def credential(company: Company, one: Credential, now: datetime) -> dict[str, object]:
    """One credential authorisation as of an instant."""
    accessed = one.accessed_at if one.accessed_at and one.accessed_at <= now else None
    return {
        "login": company.people[one.worker_id].login, "credential_id": one.credential_id,
        "credential_type": one.kind, "token_last_eight": one.last_eight,
        "credential_authorized_at": stamp(one.authorized_at), "credential_accessed_at": stamp(accessed),
        "authorized_credential_id": one.token_id, "authorized_credential_title": None,
        "authorized_credential_note": "command line", "authorized_credential_expires_at": stamp(one.expires_at),
        "scopes": list(one.scopes), "fingerprint": None,
    }  # fmt: skip


def grant(company: Company, owner: Mapping[str, object], now: datetime) -> dict[str, object]:
    """A fine-grained personal access token that was granted a month before the period, for 180 days."""
    granted = company.start - timedelta(days=30)
    return {
        "id": 44_100, "owner": owner, "repository_selection": "subset",
        "repositories_url": f"{API}/organizations/{company.org_id}/personal-access-tokens/44100/repositories",
        "permissions": {"organization": {}, "repository": {"metadata": "read", "actions": "read"}},
        "access_granted_at": stamp(granted), "token_expired": granted + timedelta(days=180) <= now,
        "token_id": 98_200, "token_name": "pipeline dashboard", "token_last_used_at": None,
        "token_expires_at": stamp(granted + timedelta(days=180)),
    }  # fmt: skip


def access(person: Person) -> dict[str, object]:
    """What a member may do in a repository, as GitHub says it of a collaborator."""
    role = "admin" if person.org_admin else "write" if person.teams else "read"
    held = {"admin": role == "admin", "maintain": role == "admin", "push": role != "read"}
    return {"permissions": {**held, "triage": held["push"], "pull": True}, "role_name": role}


def team(company: Company, slug: str) -> dict[str, object]:
    """One team; all of them may write to every repository."""
    number = 6_100 + TEAMS.index(slug)
    url = f"{API}/organizations/{company.org_id}/team/{number}"
    return {
        "id": number, "node_id": node_id("T", number), "name": slug, "slug": slug, "description": None,
        "privacy": "closed", "notification_setting": "notifications_enabled", "permission": "push", "url": url,
        "html_url": f"{WEB}/orgs/{company.org}/teams/{slug}", "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos", "type": "organization", "organization_id": company.org_id, "parent": None,
    }  # fmt: skip


def external_identity(person: Person) -> dict[str, object]:
    """One node of the GraphQL list of single sign-on identities."""
    emails = [{"value": person.email}]
    return {
        "guid": str(uuid.uuid5(_NAMESPACE, person.worker_id)),
        "samlIdentity": {"nameId": person.email, "username": person.email, "emails": emails},
        "scimIdentity": {"username": person.email, "emails": emails},
        "user": {"login": person.login, "databaseId": person.github_id},
        "organizationInvitation": None,
    }  # fmt: skip
