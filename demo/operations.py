"""What happens beside deliveries: on call, incidents, break-glass, sessions in pods, people leaving and joining.

- Each function tells one compliant story and takes what a violation changes as a parameter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from demo import worktime
from demo.model import (
    BreakGlassReview,
    Credential,
    IdpEvent,
    Incident,
    KubeExec,
    OnCall,
    Person,
    Postmortem,
    Ticket,
    VaultUse,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from demo.builder import Builder

SCHEDULE = "sre-primary"
_WEEK = timedelta(days=7)
_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_SECURITY = "W2004"


def on_call(b: Builder, first: datetime, last: datetime) -> None:
    """Fill the schedule week by week with the site reliability engineers in turn."""
    team = [p.worker_id for p in b.company.people.values() if "sre" in p.teams]
    turn = 0
    while first < last:
        b.company.on_call.append(OnCall(SCHEDULE, team[turn % len(team)], first, first + _WEEK))
        first, turn = first + _WEEK, turn + 1


def incident(
    b: Builder, service: str, started: datetime, cause: tuple[str, str], change: Mapping[str, object] | None = None
) -> Incident:
    """An incident from its start to its resolution, with its reviewed postmortem; `cause` is (title, severity)."""
    title, severity = cause
    detected = started + b.minutes(1, 4)
    created = detected + 20 * _SECOND
    owner = b.on_call(created)
    mitigated = created + b.minutes(8, 40)
    found = Incident(
        b.key_at("INC", created), severity, service, title, started, detected, created, created + b.minutes(1, 4),
        mitigated, mitigated + b.minutes(3, 15), owner.worker_id, title,
        "release undone" if change else "traffic moved", change,
    )  # fmt: skip
    b.company.incidents.append(found)
    approved = worktime.business_days_after(found.resolved_at, 3, b.zone)
    due = approved + timedelta(days=14)
    b.company.postmortems.append(
        Postmortem(found.id, approved, "W2001", ((f"PM-{found.id}-1", due, due - timedelta(days=3)),))
    )
    return found


def ticket(
    b: Builder, kind: str, requester: str, opened: datetime, scope: Mapping[str, object], *, cause: str | None = None
) -> Ticket:
    """A ticket that an emergency approver who is not the requester approved four minutes later."""
    approver = next(a for a in b.company.emergency_approvers if a != requester)
    prefix = {"break-glass": "BG", "access": "ACC"}.get(kind, "CHG")
    made = Ticket(
        b.key_at(prefix, opened), kind, requester, approver, opened, opened + 4 * _MINUTE, scope, cause, opened,
        opened + timedelta(hours=4),
    )  # fmt: skip
    b.company.tickets.append(made)
    return made


# -- Vault ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RootSession:
    """The requests of one root token, oldest first."""

    requests: tuple[VaultUse, ...]

    @property
    def item(self) -> str:
        """The key of the use that the session is."""
        return f"vault.audit:{self.requests[0].request_id}"


def root_request(b: Builder, at: datetime, operation: str, path: str, token: str | None) -> VaultUse:
    """One request with a root token, or, with no token, one to generate it."""
    mount = path.partition("/")[0] + "/"
    kind = {"secret/": "kv", "auth/": "token"}.get(mount, "system")
    made = VaultUse(
        b.uuid("vault"), at, operation, path, mount, kind, "root" if token else "", ("root",) if token else (), token,
        None, "10.40.3.17",
    )  # fmt: skip
    b.company.vault_uses.append(made)
    return made


def break_glass(b: Builder, cause: Incident, review_days: int = 1) -> RootSession:
    """A root token made in an incident with a ticket and a second person, revoked, reviewed business days later."""
    start = cause.created_at + 9 * _MINUTE
    granted = ticket(b, "break-glass", cause.owner, cause.created_at + 3 * _MINUTE, {"system": "vault"}, cause=cause.id)
    token = f"root-{granted.key}"
    session = RootSession(
        (
            root_request(b, start, "update", "sys/generate-root/update", None),
            root_request(
                b, start + b.minutes(3, 8), "update", "sys/leases/revoke-prefix/database/creds/settlement", token
            ),
            root_request(b, start + b.minutes(14, 25), "update", "auth/token/revoke-self", token),
        )
    )
    reviewed = worktime.business_days_after(session.requests[-1].time, review_days, b.zone)
    review(b, granted, [r.request_id for r in session.requests], reviewed)
    return session


def review(b: Builder, granted: Ticket, records: list[str], at: datetime) -> None:
    """A security engineer's review of every record of a session."""
    actions = tuple((r, f"{granted.incident or granted.key}: as planned") for r in records)
    b.company.break_glass_reviews.append(BreakGlassReview(granted.key, _SECURITY, at, actions))


def person_request(b: Builder, person: Person, at: datetime, operation: str, path: str) -> VaultUse:
    """One request to Vault by a person who signed in through the identity provider."""
    mount = path.partition("/")[0] + "/"
    kind = {"secret/": "kv", "identity/": "identity"}.get(mount, "oidc")
    made = VaultUse(
        b.uuid("vault"), at, operation, path, mount, kind, f"oidc-{person.email}", ("default", *person.teams),
        f"oidc-{person.login}-{at:%Y%m%d}", person.vault_entity_id, "10.40.7.21",
    )  # fmt: skip
    b.company.vault_uses.append(made)
    return made


# -- Kubernetes ---------------------------------------------------------------------------------------------------


def session(b: Builder, person: Person, service: str, at: datetime, verb: str) -> KubeExec:
    """A shell in a running production pod; ticket and review are told apart."""
    place = (service, "production")
    before = [r for r in b.company.rollouts if (r.service, r.environment) == place and r.completed_at < at]
    rollout = max(before, key=lambda r: r.completed_at)
    made = KubeExec(
        b.uuid("exec"), at, at + b.minutes(2, 18), person.worker_id, person.email,
        (*person.teams, "system:authenticated"), verb, "exec", "production", rollout.namespace, service,
        rollout.pods[0], "app", ("sh",), "10.20.4.31",
    )  # fmt: skip
    b.company.kube_execs.append(made)
    return made


def session_ticket(b: Builder, person: Person, at: datetime, cause: str | None = None) -> Ticket:
    """The ticket of a session, opened and approved some minutes before."""
    scope = {"system": "kubernetes", "cluster": b.company.clusters["production"], "namespace": "production"}
    return ticket(b, "access", person.worker_id, at - b.minutes(6, 15), scope, cause=cause)


def proper_session(b: Builder, service: str, at: datetime, verb: str, cause: str | None = None) -> KubeExec:
    """A session of whoever is on call, with ticket, second person and review on the next business day."""
    person = b.on_call(at)
    granted = session_ticket(b, person, at, cause)
    made = session(b, person, service, at, verb)
    review(b, granted, [made.audit_id], worktime.business_days_after(made.ended_at, 1, b.zone))
    return made


# -- leavers and joiners --------------------------------------------------------------------------------------------


def credential(b: Builder, person: Person, at: datetime) -> Credential:
    """A personal access token that a member authorised long ago."""
    made = Credential(
        b.id_at("credential", at), person.worker_id, "personal access token", b.rng.randint(600_000, 999_999),
        f"{b.digest('token').hex()[:43]}=", b.digest("token").hex()[:8], ("repo",), at,
    )  # fmt: skip
    b.company.credentials.append(made)
    return made


def leave(b: Builder, worker_id: str, at: datetime, github_after: timedelta) -> Person:
    """Somebody leaves at `at`: the identity provider within minutes, Vault within an hour, GitHub later."""
    person = replace(
        b.company.people[worker_id],
        terminated_at=at,
        termination_recorded_at=at - timedelta(hours=6),
        idp_deactivated_at=at + b.minutes(12, 25),
        vault_disabled_at=at + b.minutes(30, 55),
        github_removed_at=at + github_after,
    )
    b.company.people[worker_id] = person
    return person


def deprovision(b: Builder, person: Person) -> None:
    """Record what removed a leaver's accounts."""
    if person.github_removed_at is None or person.idp_deactivated_at is None or person.vault_disabled_at is None:
        raise ValueError(f"{person.worker_id} keeps an account")
    b.audit(
        "org.remove_member", person.github_removed_at, "olindqvist", None, operation="remove", user=person.login,
        user_id=person.github_id,
    )  # fmt: skip
    b.company.idp_events.append(IdpEvent("user.lifecycle.deactivate", person.email, person.idp_deactivated_at))
    security = b.company.people[_SECURITY]
    path = f"identity/entity/id/{person.vault_entity_id}"
    person_request(b, security, person.vault_disabled_at, "delete", path)


def revoke(b: Builder, found: Credential, at: datetime) -> None:
    """Take a member's credential out of the organisation before they leave."""
    b.company.credentials[b.company.credentials.index(found)] = replace(found, revoked_at=at)
    person = b.company.people[found.worker_id]
    b.audit(
        "org_credential_authorization.revoke", at, "olindqvist", None, operation="remove", user=person.login,
        user_id=person.github_id, token_id=found.token_id, hashed_token=found.hashed_token,
    )  # fmt: skip


def join(b: Builder, person: Person) -> None:
    """Record how a new worker became a member."""
    if person.github_joined_at is None:
        raise ValueError(f"{person.worker_id} has no GitHub account")
    b.company.idp_events.append(IdpEvent("user.lifecycle.activate", person.email, person.hired_at))
    about: dict[str, object] = {"user": person.login, "user_id": person.github_id, "permission": "read"}
    b.audit("org.invite_member", person.hired_at, "olindqvist", None, operation="create", **about)
    granted = {"system": "github", "entitlement": b.company.org, "level": "read"}
    ticket(b, "access", person.worker_id, person.hired_at, granted)
    b.audit("org.add_member", person.github_joined_at, "olindqvist", None, operation="create", **about)
