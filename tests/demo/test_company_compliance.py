"""A second, independent judge of the timeline: it finds the planted exceptions and nothing else."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from demo.company import simulate
from demo.settings import settings_at

if TYPE_CHECKING:
    from demo.model import Attempt, Company, PullRequest, Run

SEEDS = (1, 2, 3, 4, 5, 6)


@pytest.fixture(scope="module", params=SEEDS)
def company(request: pytest.FixtureRequest) -> Company:
    """The default quarter of several seeds."""
    return simulate(request.param, date(2026, 7, 1), date(2026, 10, 1))


def _truth(company: Company, control: str) -> set[tuple[str, str]]:
    return {(t.item, t.attribute) for t in company.truth if t.control == control}


def _contributors(company: Company, pull: PullRequest) -> set[str]:
    commits = [company.commits[sha] for sha in pull.commits]
    written = {c.author for c in commits if not (len(c.parents) > 1 and c.tree == c.automerge_tree)}
    merges = {c.sha for c in commits if len(c.parents) > 1 and c.tree == c.automerge_tree}
    named = {name for c in commits for name in c.co_authors}
    pushed = {
        a.actor
        for a in company.activities
        if (a.repo, a.ref) == (pull.repo, f"refs/heads/{pull.head_ref}")
        and a.activity_type == "push"
        and a.after not in merges
    }
    return {pull.author} | written | named | pushed


def _judge_pull(company: Company, pull: PullRequest) -> set[str]:
    merged = pull.merged_at
    assert merged is not None
    need = company.repositories[pull.repo].required_approvals
    people = {p.login for p in company.people.values()}
    latest = {}
    reviews = [r for r in company.reviews if (r.repo, r.number) == (pull.repo, pull.number)]
    for r in reviews:
        if r.submitted_at < merged and r.state in {"APPROVED", "CHANGES_REQUESTED"}:
            gone = r.dismissed_at is not None and r.dismissed_at < merged
            latest[r.user] = (r, "DISMISSED" if gone else r.state)
    approved = {u: r for u, (r, state) in latest.items() if state == "APPROVED"}
    independent = {u for u in approved if u in people} - _contributors(company, pull)
    shas = list(pull.commits)
    current = {
        u
        for u in independent
        if all(
            len(company.commits[sha].parents) > 1 and company.commits[sha].tree == company.commits[sha].automerge_tree
            for sha in shas[shas.index(approved[u].commit_id) + 1 :]
        )
    }
    found = set()
    if len(independent) < need:
        found.add("A")
    elif len(current) < need:
        found.add("B")
    if any(u not in people for u in approved):
        found.add("C")
    if any(state == "CHANGES_REQUESTED" for _, state in latest.values()):
        found.add("E")
    if not independent and any(r.state == "APPROVED" and r.submitted_at >= merged for r in reviews):
        found.add("F")
    return found


def test_changes(company: Company) -> None:
    """CHG-01: approvals in force, independent, current, by people, before the merge; no objection in force."""
    merged = [p for p in company.pull_requests if p.merged_at and p.merged_at >= company.start]
    found = {(f"{p.repo}#{p.number}", letter) for p in merged for letter in _judge_pull(company, p)}
    assert found == _truth(company, "CHG-01")


def _production(run: Run) -> list[tuple[Attempt, datetime]]:
    return [
        (a, j.started_at)
        for a in run.attempts
        for j in a.jobs
        if j.environment == "production" and j.conclusion != "skipped"
    ]


def _released_pulls(company: Company, run: Run, attempt: Attempt) -> list[PullRequest]:
    """The changes between what ran before and what this attempt deploys; for infrastructure the merged one."""
    merged = [p for p in company.pull_requests if p.repo == run.repo and p.merged_at]
    merged.sort(key=lambda p: p.merged_at or company.start)
    shas = [p.merge_commit_sha for p in merged]
    this = shas.index(run.head_sha)
    before = [
        d
        for d in company.deployments
        if d.repo == run.repo
        and d.environment == "production"
        and d.succeeded_at
        and d.succeeded_at < attempt.started_at
    ]
    previous = shas.index(max(before, key=lambda d: d.succeeded_at or company.start).sha) if before else this - 1
    return merged[previous + 1 : this + 1] or [merged[this]]


def _judge_attempt(company: Company, run: Run, attempt: Attempt, started: datetime) -> set[str]:
    repo = company.repositories[run.repo]
    answers = [x for x in company.run_approvals if x.run_id == run.id and x.state == "approved" and x.time <= started]
    own = [x for x in answers if x.attempt == attempt.number]
    allowed = {p.login for p in company.people.values() if p.environment_reviewer}
    found = set()
    if not {x.user for x in own} & allowed:
        found.add("A")
    contributors = {c for p in _released_pulls(company, run, attempt) for c in _contributors(company, p)}
    if any(x.user == attempt.triggering_actor or x.user in contributors for x in own or answers):
        found.add("B")
    window = (attempt.started_at, attempt.completed_at)
    if any(
        e.action == "workflows.bypass_protection_rules"
        and e.fields["workflow_run_id"] == run.id
        and window[0] <= e.time <= window[1]
        for e in company.audit_events
    ):
        found.add("C")
    day = started.astimezone(company.tz).replace(hour=12)
    settings = settings_at(company.config_changes, repo, "environment", "production", day)
    if not settings["prevent_self_review"] or settings["can_admins_bypass"]:
        found.add("D")
    if _in_freeze(company, run, started):
        found.add("E")
    if attempt.number > 1 and answers and not own:
        found.add("F")
    return found


def _in_freeze(company: Company, run: Run, at: datetime) -> bool:
    service = company.repositories[run.repo].service
    if not any(service in f.services and f.start <= at < f.end for f in company.freezes):
        return False
    waived = any(w.scope.get("repo") == run.repo and w.valid_from <= at < w.valid_to for w in company.waivers)
    deployed = {d.id for d in company.deployments if d.run_id == run.id}
    tickets = [t for t in company.tickets if t.type == "emergency" and t.scope.get("deployment") in deployed]
    reviewed = {r.change for r in company.retrospective_reviews}
    return not (waived or any(t.approved_at and t.approved_at < at and t.key in reviewed for t in tickets))


def test_production_attempts(company: Company) -> None:
    """CHG-06: an authorised, independent approval of the attempt, no bypass, settings on, no freeze."""
    found = {
        (f"{r.repo}:{r.id}/{a.number}:production", letter)
        for r in company.runs
        if r.created_at >= company.start
        for a, started in _production(r)
        for letter in _judge_attempt(company, r, a, started)
    }
    assert found == _truth(company, "CHG-06")


def test_state_versions(company: Company) -> None:
    """CHG-11: every version inside the apply job of its run; serials rise by one, else an approved ticket."""
    runs = {r.id: r for r in company.runs}
    found = set()
    for key in company.state_keys:
        versions = [v for v in company.terraform_versions if v.key == key]
        assert [v.written_at for v in versions] == sorted(v.written_at for v in versions)
        for before, v in pairwise(versions):
            item = f"{v.bucket}/{v.key}:{v.version_id}"
            attempt = runs[v.run_id].attempts[-1] if v.run_id else None
            if attempt is None or not attempt.started_at <= v.written_at <= attempt.completed_at:
                found.add((item, "A"))
            ticketed = any(
                t.scope.get("key") == key
                and t.approved_at
                and t.approved_at < v.written_at < t.opened_at + timedelta(hours=4)
                for t in company.tickets
            )
            if v.serial != before.serial + 1 and not ticketed:
                found.add((item, "B"))
    assert found == _truth(company, "CHG-11")


def test_sessions_in_pods(company: Company) -> None:
    """APD-12: a ticket of the person with an approver, on call, reviewed by somebody else in time."""
    found = set()
    for x in company.kube_execs:
        item = f"kubernetes.audit:{x.audit_id}"
        tickets = [
            t
            for t in company.tickets
            if t.requester == x.worker_id
            and t.scope.get("system") == "kubernetes"
            and t.opened_at <= x.time <= t.opened_at + timedelta(hours=4)
        ]
        if not tickets:
            found.add((item, "A"))
        elif not [t for t in tickets if t.approver and t.approver != x.worker_id]:
            found.add((item, "C"))
        if not any(o.worker_id == x.worker_id and o.start <= x.time < o.end for o in company.on_call):
            found.add((item, "B"))
        reviews = [r for r in company.break_glass_reviews if x.audit_id in {a for a, _ in r.actions}]
        if not [r for r in reviews if r.reviewer != x.worker_id and r.reviewed_at - x.ended_at < timedelta(days=5)]:
            found.add((item, "E"))
    assert found == _truth(company, "APD-12")


def test_leavers(company: Company) -> None:
    """APD-02: accounts and credentials gone within 24 hours; nothing done after the termination."""
    found = set()
    for p in company.people.values():
        if p.terminated_at is None:
            continue
        account = f"{p.worker_id}/github:{p.github_id}"
        late = p.github_removed_at is None or p.github_removed_at > p.terminated_at + timedelta(hours=24)
        if late:
            found.add((account, "A"))
        for c in company.credentials:
            if c.worker_id == p.worker_id and late and not (c.revoked_at and c.revoked_at < p.terminated_at):
                found.add((f"{account}/credential:{c.credential_id}", "C"))
        acts = [e for e in company.audit_events if e.actor == p.login and e.time > p.terminated_at]
        found |= {(f"{account}@github.audit_log:{e.document_id}", "B") for e in acts}
        assert not [r for r in company.reviews if r.user == p.login and r.submitted_at > p.terminated_at]
    assert found == _truth(company, "APD-02")


def test_root_sessions(company: Company) -> None:
    """APD-09 on Vault: a ticket with a second person, revoked within hours, reviewed in two business days."""
    found = set()
    tokens = {u.token for u in company.vault_uses if "root" in u.policies}
    for token in tokens:
        uses = [u for u in company.vault_uses if u.token == token]
        made = [
            u
            for u in company.vault_uses
            if u.token is None and timedelta() < uses[0].time - u.time < timedelta(minutes=30)
        ]
        first = (made or uses)[0]
        item = f"vault.audit:{first.request_id}"
        ids = {u.request_id for u in (*made, *uses)}
        tickets = [
            t
            for t in company.tickets
            if t.scope.get("system") == "vault" and timedelta() <= first.time - t.opened_at < timedelta(hours=4)
        ]
        if not tickets:
            found.add((item, "A"))
        if not any(u.path.startswith("auth/token/revoke") for u in uses):
            found.add((item, "C"))
        reviews = [r for r in company.break_glass_reviews if ids <= {a for a, _ in r.actions}]
        if not any(r.reviewed_at - uses[-1].time <= timedelta(days=4) for r in reviews):
            found.add((item, "D"))
        if any(u.path.startswith(company.prod_secret_paths) for u in uses):
            found.add((item, "E"))
    assert found == {(i, a) for i, a in _truth(company, "APD-09") if i.startswith("vault.audit")}


def test_protection(company: Company) -> None:
    """CHG-02: the settings of each day at noon; each interval's ticket, merges and merger."""
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    broken = {item for item, _ in _truth(company, "CHG-01")}
    found = set()
    for name, repo in company.repositories.items():
        changes = [c for c in company.config_changes if (c.repo, c.target) == (name, "branch")]
        for c in changes:
            noon = c.time.astimezone(company.tz).replace(hour=12, minute=0)
            if settings_at(changes, repo, "branch", "main", noon)["enforcement"] != "active":
                found.add((f"{name}:main:{noon.date()}", "A"))
        off = [c for c in changes if c.new in {False, "disabled"}]
        for first in off[:: 2 if repo.protection == "classic" else 1]:
            last = [c for c in changes if c.time > first.time and c.new in {True, "active"}]
            end = last[1 if repo.protection == "classic" else 0].time
            item = f"{name}:main:{first.time.strftime(stamp)}..{end.strftime(stamp)}"
            merges = [
                p for p in company.pull_requests if p.repo == name and p.merged_at and first.time <= p.merged_at < end
            ]
            involved = {x for p in merges for x in (p.author, p.merged_by)}
            if first.ticket is None:
                found.add((item, "B"))
            if first.actor in involved:
                found |= {(item, "C"), (item, "D")}
            if any(f"{name}#{p.number}" in broken for p in merges):
                found.add((item, "C"))
    assert found == _truth(company, "CHG-02")
