"""What surrounds the deliveries: leavers, outages, break-glass, sessions in pods, and everyday noise."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from demo import operations, worktime
from demo.changes import ZERO
from demo.facts.operations import Waiver

if TYPE_CHECKING:
    from demo.builder import Builder
    from demo.model import Credential, Incident, Person

_OUTAGES = ("availability zone outage", "database failover", "certificate authority outage", "network packet loss")
_SERVICES = ("settlement-api", "card-gateway", "customer-portal")
_MIN_DAYS = 10


# -- leavers ------------------------------------------------------------------------------------------------------


def leavers(b: Builder, days: list[date]) -> None:
    """Decide who leaves when, and record it: in time, active afterwards, and too late with a living token."""
    workdays = [d for d in days if worktime.is_workday(d)]
    if len(workdays) < _MIN_DAYS:
        return
    join = b.company.people["W2018"]
    operations.join(b, join)
    when = [worktime.at(workdays[len(workdays) * n // 10], 17, 0, b.zone) for n in (3, 5, 7)]
    for worker_id, at, after in zip(("W2015", "W2016", "W2017"), when, (3, 19, 71), strict=True):
        token = operations.credential(b, b.company.people[worker_id], b.company.start - timedelta(days=200))
        person = operations.leave(b, worker_id, at, timedelta(hours=after))
        operations.deprovision(b, person)
        match worker_id:
            case "W2015":
                operations.revoke(b, token, at - timedelta(hours=1))
            case "W2016":
                _acts_afterwards(b, person, token, at + timedelta(hours=3, minutes=11))
            case _:
                _removed_late(b, person, token)


def _acts_afterwards(b: Builder, person: Person, token: Credential, at: datetime) -> None:
    repo = "harborpay/customer-portal"
    state = b.states[repo]
    made = b.commit(repo, (state.head,), person.login, at - timedelta(minutes=4), "Keep my work")
    b.activity(repo, "feat/leftover", ZERO, made.sha, actor=person.login, at=at, kind="branch_creation")
    event = b.git_push(
        repo, person.login, at + timedelta(seconds=1), token_id=token.token_id, hashed_token=token.hashed_token,
        programmatic_access_type="Personal access token (classic)",
    )  # fmt: skip
    b.company.credentials[b.company.credentials.index(token)] = replace(token, accessed_at=at)
    item = f"{person.worker_id}/github:{person.github_id}@github.audit_log:{event.document_id}"
    b.exception("APD-02", "acts", "B", item, ("active after termination", "a push three hours after termination"))


def _removed_late(b: Builder, person: Person, token: Credential) -> None:
    account = f"{person.worker_id}/github:{person.github_id}"
    kind = ("removed late", "71 hours after termination; the limit is 24")
    b.exception("APD-02", "accounts", "A", account, kind)
    b.exception("APD-02", "credentials", "C", f"{account}/credential:{token.credential_id}", kind)


# -- outages, root tokens, sessions -----------------------------------------------------------------------------------


def sessions(b: Builder, days: list[date]) -> None:
    """Outages with their proper root tokens and sessions, then the uses that nobody explained or reviewed."""
    inner = [d for d in days if worktime.is_workday(d)][3:-8]
    if not inner:
        return
    count = max(2, len(days) // 23)
    needed = 3 * count + 4
    enough = len(inner) >= needed
    chosen = sorted(b.rng.sample(inner, needed) if enough else b.rng.choices(inner, k=needed))
    outages = [_outage(b, day, n) for n, day in enumerate(chosen[: 3 * count : 3])]
    for n, day in enumerate(chosen[1 : 3 * count : 3]):
        at = worktime.at(day, 15, 5, b.zone) + b.minutes(0, 40)
        operations.proper_session(b, _SERVICES[n % 3], at, ("get", "create")[n % 2])
    operations.break_glass(b, outages[0])
    if len(outages) > 1:
        late = operations.break_glass(b, outages[-1], review_days=6)
        b.exception("APD-09", "uses", "D", late.item, ("late review", "reviewed after six business days"))
    _unexplained_root(b, worktime.at(chosen[-1], 21, 12, b.zone))
    _unticketed(b, worktime.at(chosen[-2], 11, 41, b.zone))
    _not_on_call(b, worktime.at(chosen[-3], 14, 22, b.zone))
    _unreviewed(b, worktime.at(chosen[-4], 10, 33, b.zone))


def _outage(b: Builder, day: date, n: int) -> Incident:
    at = worktime.at(day, 9, 15, b.zone) + b.minutes(0, 400)
    return operations.incident(b, _SERVICES[n % 3], at, (_OUTAGES[n % len(_OUTAGES)], ("sev2", "sev1")[n % 2]))


def _unexplained_root(b: Builder, at: datetime) -> None:
    token = "root-standing"  # noqa: S105 - the label of an invented token
    first = operations.root_request(b, at, "read", "secret/data/production/settlement/database", token)
    second = operations.root_request(
        b, at + timedelta(minutes=2), "list", "secret/metadata/production/settlement", token
    )
    why = ("unexplained root use", "a standing root token read production secrets; no ticket, no review, not revoked")
    b.exception("APD-09", "uses", "ACDE", f"vault.audit:{first.request_id}", why)
    for use in (first, second):
        b.exception("APD-07", "accesses", "C", f"vault.audit:{use.request_id}", why)


def _unticketed(b: Builder, at: datetime) -> None:
    made = operations.session(b, b.on_call(at), _SERVICES[0], at, "get")
    why = ("session without ticket", "no ticket, and nobody reviewed it")
    b.exception("APD-12", "accesses", "AE", f"kubernetes.audit:{made.audit_id}", why)


def _not_on_call(b: Builder, at: datetime) -> None:
    person = b.company.people["W2010"]
    granted = operations.session_ticket(b, person, at)
    made = operations.session(b, person, _SERVICES[1], at, "create")
    operations.review(b, granted, [made.audit_id], worktime.business_days_after(made.ended_at, 1, b.zone))
    why = ("session by a developer", "not on call, not in site reliability")
    b.exception("APD-12", "accesses", "B", f"kubernetes.audit:{made.audit_id}", why)


def _unreviewed(b: Builder, at: datetime) -> None:
    person = b.on_call(at)
    operations.session_ticket(b, person, at)
    made = operations.session(b, person, _SERVICES[2], at, "get")
    why = ("session never reviewed", "ticketed and approved, but no review")
    b.exception("APD-12", "accesses", "E", f"kubernetes.audit:{made.audit_id}", why)


# -- administrators ---------------------------------------------------------------------------------------------------


def administrators(b: Builder) -> None:
    """Two people hold both code and configuration of every repository; a waiver mitigates it for one of them."""
    lead, engineer = "W2002", "W2003"
    signed = b.company.start - timedelta(days=20)
    b.company.waivers.append(
        Waiver(
            b.key_at("WV", signed), "APD-10", "B", {"person": lead, "rule": "F1+F5"}, "W2004", lead,
            "one administrator keeps the pipeline; the director reviews every change of settings", "W2001", signed,
            signed + timedelta(days=5), b.company.end + timedelta(days=60),
        )
    )  # fmt: skip
    why = ("conflicting duties", "administers what they may also write; nothing mitigates it")
    b.exception("APD-10", "pairs", "B", f"{engineer}:F1+F5", why)


# -- noise ---------------------------------------------------------------------------------------------------------


def background(b: Builder, days: list[date]) -> None:
    """Clones and secret reads of everyday work, on weekdays."""
    names = list(b.company.repositories)
    for day in days:
        if not worktime.is_workday(day):
            continue
        for _ in range(b.rng.randint(3, 8)):
            at = worktime.at(day, 8, 45, b.zone) + b.minutes(0, 500)
            login = b.rng.choice(b.staff(at, "developers", "sre", "platform"))
            b.audit(
                "git.clone", at, login, b.rng.choice(names), operation="access", transport_protocol=2,
                transport_protocol_name="ssh",
            )  # fmt: skip
        at = worktime.at(day, 9, 10, b.zone) + b.minutes(0, 420)
        operations.person_request(b, b.on_call(at), at, "read", "secret/data/staging/settlement/database")
