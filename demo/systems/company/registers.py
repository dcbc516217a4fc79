"""What each register of the company holds at an instant, one function a stream.

- `REGISTERS` maps a stream's name to its function of the company and an instant; rows are in the register's order.
- Persons are named by worker id. A field whose time has not come is null.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from demo.systems.company.access_reviews import lines as access_review_lines
from demo.systems.stable import iso, iso_or_none

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from demo.model import Bot, Company, Person

Row = dict[str, object]


def workers(company: Company, now: datetime) -> list[Row]:
    """HR's roster. A termination appears when HR recorded it, perhaps before it takes effect."""
    return [_worker(p, now) for p in company.people.values() if p.hired_at <= now]


def _worker(p: Person, now: datetime) -> Row:
    recorded = iso_or_none(p.termination_recorded_at, now)
    over = recorded and p.terminated_at is not None and p.terminated_at <= now
    return {
        "worker_id": p.worker_id,
        "name": p.name,
        "email": p.email,
        "status": "terminated" if over else "active",
        "hire_date": p.hired_at.date().isoformat(),
        "termination_ts": iso(p.terminated_at) if recorded and p.terminated_at else None,
        "recorded_ts": recorded,
        "job": p.job,
        "manager_id": p.manager_id,
    }


def links(company: Company, now: datetime) -> list[Row]:
    """Which account belongs to whom, and until when where that has come."""
    return [
        {
            "system": link.system,
            "account_key": link.account_key,
            "account_label": link.label,
            "principal_id": link.principal_id,
            "principal_type": link.principal_type,
            "valid_from": iso(link.valid_from),
            "valid_to": iso_or_none(link.valid_to, now),
            "method": link.method,
        }
        for link in company.account_links
        if link.valid_from <= now
    ]


def non_human(company: Company, now: datetime) -> list[Row]:
    """The register of non-human identities."""
    del now  # nothing was registered or withdrawn in the period
    return [_bot(bot) for bot in company.bots.values()]


def _bot(bot: Bot) -> Row:
    workflows = [c for c in bot.callers if "/" in c and not c[0].isdigit()]
    addresses = [c for c in bot.callers if c[0].isdigit()]
    row: Row = {"id": bot.register_id, "kind": bot.kind, "owner": bot.owner_id}
    optional = {
        "github_user_id": bot.github_id,
        "username": bot.username,
        "scopes": dict(bot.scopes) if bot.github_id else None,
        "allowed_actions": list(bot.allowed_actions) or None,
        "allowed_paths": list(bot.allowed_paths) or None,
        "callers": workflows or None,
        "callers_cidr": addresses or None,
    }
    return row | {k: v for k, v in optional.items() if v is not None}


def on_call(company: Company, now: datetime) -> list[Row]:
    """Turns, planned a fortnight ahead."""
    return [
        {"schedule": t.schedule, "user": t.worker_id, "start": iso(t.start), "end": iso(t.end)}
        for t in company.on_call
        if (t.start - now).days < 14  # noqa: PLR2004 - a fortnight
    ]


def incidents(company: Company, now: datetime) -> list[Row]:
    """Incidents as far as they have come; cause and cure are written down when they are over."""
    rows: list[Row] = []
    for i in company.incidents:
        if i.created_at > now:
            continue
        over = i.resolved_at <= now
        rows.append(
            {
                "id": i.id,
                "severity": i.severity,
                "service": i.service,
                "title": i.title,
                "status": "resolved" if over else "open",
                "started_at": iso(i.started_at),
                "detected_at": iso(i.detected_at),
                "created_at": iso(i.created_at),
                "acknowledged_at": iso_or_none(i.acknowledged_at, now),
                "mitigated_at": iso_or_none(i.mitigated_at, now),
                "resolved_at": iso_or_none(i.resolved_at, now),
                "owner": i.owner,
                "cause": i.cause if over else None,
                "mitigation": i.mitigation if over else None,
                "linked_change": i.linked_change if over else None,
                "financial_data_affected": False,
            }
        )
    return rows


def postmortems(company: Company, now: datetime) -> list[Row]:
    """Approved post-mortems with their actions."""
    return [
        {
            "incident": p.incident,
            "approved_at": iso(p.approved_at),
            "approver": p.approver,
            "actions": [
                {"id": key, "due": due.date().isoformat(), "closed_at": iso_or_none(closed, now)}
                for key, due, closed in p.actions
            ],
        }
        for p in company.postmortems
        if p.approved_at <= now
    ]


def tickets(company: Company, now: datetime) -> list[Row]:
    """Tickets; the approver is named from the approval on."""
    rows: list[Row] = []
    for t in company.tickets:
        if t.opened_at > now:
            continue
        approved = iso_or_none(t.approved_at, now)
        rows.append(
            {
                "key": t.key,
                "type": t.type,
                "status": "approved" if approved else "open",
                "requester": t.requester,
                "approver": t.approver if approved else None,
                "opened_at": iso(t.opened_at),
                "approved_at": approved,
                "scope": dict(t.scope),
                "incident": t.incident,
                "valid_from": iso(t.valid_from) if t.valid_from else None,
                "valid_to": iso(t.valid_to) if t.valid_to else None,
                "resolution": "no impact on production" if t.type == "problem" and approved else None,
            }
        )
    return rows


def break_glass_reviews(company: Company, now: datetime) -> list[Row]:
    """Reviews of break-glass uses and sessions; an action names the Vault request or the Kubernetes audit id."""
    requests = {use.request_id for use in company.vault_uses}
    return [
        {
            "ticket": r.ticket,
            "reviewer": r.reviewer,
            "reviewed_at": iso(r.reviewed_at),
            "actions": [
                {"request_id" if record in requests else "audit_id": record, "justification": why}
                for record, why in r.actions
            ],
        }
        for r in company.break_glass_reviews
        if r.reviewed_at <= now
    ]


def retrospective_reviews(company: Company, now: datetime) -> list[Row]:
    """Reviews of emergency changes after the fact."""
    return [
        {
            "change": r.change,
            "reviewer": r.reviewer,
            "sha": r.sha,
            "reviewed_at": iso(r.reviewed_at),
            "outcome": r.outcome,
            "tests_ok": True,
            "scans_ok": True,
            "tests_finished_at": iso(r.tests_finished_at),
            "scans_finished_at": iso(r.scans_finished_at),
        }
        for r in company.retrospective_reviews
        if r.reviewed_at <= now
    ]


def waivers(company: Company, now: datetime) -> list[Row]:
    """Waivers, from their signature on."""
    return [
        {
            "id": w.id,
            "control": w.control,
            "attribute": w.attribute,
            "scope": dict(w.scope),
            "requested_by": w.requested_by,
            "beneficiary": w.beneficiary,
            "reason": w.reason,
            "approved_by": w.approved_by,
            "created_at": iso(w.created_at),
            "valid_from": iso(w.valid_from),
            "valid_to": iso(w.valid_to),
        }
        for w in company.waivers
        if w.created_at <= now
    ]


def freezes(company: Company, now: datetime) -> list[Row]:
    """Change freezes, announced a fortnight ahead."""
    return [
        {
            "id": f.id,
            "services": list(f.services),
            "start": iso(f.start),
            "end": iso(f.end),
            "approved_by": f.approved_by,
        }
        for f in company.freezes
        if (f.start - now).days < 14  # noqa: PLR2004 - a fortnight
    ]


def idp_events(company: Company, now: datetime) -> list[Row]:
    """Life cycle events of the identity provider."""
    return [
        {"event": e.event, "user": e.user, "published": iso(e.published)}
        for e in company.idp_events
        if e.published <= now
    ]


def trees(company: Company, now: datetime) -> list[Row]:
    """What `git` says of each commit's tree; of a merge also what merging without a hand would have given."""
    rows: list[Row] = []
    for commit in company.commits.values():
        if commit.committed_at <= now:
            row: Row = {"_repo": commit.repo, "sha": commit.sha, "tree": commit.tree}
            merged = {"automerge_tree": commit.automerge_tree, "automerge_tree_of": list(commit.parents)}
            rows.append(row | merged if commit.automerge_tree else row)
    return rows


def runtime_alerts(company: Company, now: datetime) -> list[Row]:
    """The runtime sensor's alerts: one harmless one a day, so that its silence means something."""
    at = company.start + timedelta(hours=3, minutes=12)
    rows: list[Row] = []
    while at <= now and at < company.end + timedelta(days=7):
        rows.append(
            {
                "hostname": "node-1",
                "time": iso(at),
                "rule": "Contact K8S API Server From Container",
                "priority": "Notice",
                "source": "syscall",
                "tags": ["container", "network"],
                "output": "Unexpected connection to K8s API Server from container",
                "output_fields": {"k8s.ns.name": "monitoring", "k8s.pod.name": "prober-0", "container.name": "prober"},
            }
        )
        at += timedelta(days=1)
    return rows


REGISTERS: dict[str, Callable[[Company, datetime], list[Row]]] = {
    "company.workers": workers,
    "company.on_call": on_call,
    "company.incidents": incidents,
    "company.postmortems": postmortems,
    "company.tickets": tickets,
    "company.break_glass_reviews": break_glass_reviews,
    "company.retrospective_reviews": retrospective_reviews,
    "company.waivers": waivers,
    "company.freezes": freezes,
    "company.access_reviews": access_review_lines,
    "identity.links": links,
    "identity.non_human": non_human,
    "idp.events": idp_events,
    "git.trees": trees,
    "falco.alerts": runtime_alerts,
}
