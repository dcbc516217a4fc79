"""What GitHub answers to each request: looks up what existed, renders it, cuts it into pages."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from demo.http import json_response
from demo.systems.github import organisation
from demo.systems.github.actions import Actions, last_change
from demo.systems.github.bodies import Bodies, Cache, dump
from demo.systems.github.index import Index
from demo.systems.github.paging import tagged
from demo.systems.github.protection import Protection
from demo.systems.github.pulls import Pulls

if TYPE_CHECKING:
    from demo.model import (
        Attempt,
        AuditEvent,
        Commit,
        Company,
        Deployment,
        Job,
        PullRequest,
        PushActivity,
        Repository,
        Review,
        Run,
    )
    from demo.systems import Request, Response

_SPANS = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30, "quarter": 91, "year": 366}


class Answers:
    """The company's facts, indexed, with the renderers of their bodies and the cache of what was rendered."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.index = Index(company)
        self.bodies = Bodies(company)
        self.pulls = Pulls(self.bodies)
        self.actions = Actions(self.bodies)
        self.protection = Protection(self.bodies)
        self.cache = Cache()
        self.overridden = {
            e.fields["after"] for e in company.audit_events if e.action == "protected_branch.policy_override"
        }

    # -- finding -----------------------------------------------------------------------------------------------

    def repository(self, request: Request) -> Repository:
        """The repository that the path names; KeyError where there is none."""
        found = self.company.repositories[f"{request.params['owner']}/{request.params['repo']}"]
        if found.created_at > request.now:
            raise KeyError(found.full_name)
        return found

    def pull(self, request: Request) -> PullRequest:
        """The pull request that the path names."""
        found = self.index.pull_by_number[self.repository(request).full_name, int(request.params["number"])]
        if found.created_at > request.now:
            raise KeyError(found.number)
        return found

    def run(self, request: Request) -> Run:
        """The workflow run that the path names."""
        found = self.index.run_by_id[self.repository(request).full_name, int(request.params["id"])]
        if found.created_at > request.now:
            raise KeyError(found.id)
        return found

    def deployment(self, request: Request) -> Deployment:
        """The deployment that the path names."""
        found = self.index.deployment_by_id[self.repository(request).full_name, int(request.params["id"])]
        if found.created_at > request.now:
            raise KeyError(found.id)
        return found

    def attempts(self, run: Run, now: datetime) -> list[Attempt]:
        """The attempts that had begun."""
        return [a for a in run.attempts if a.started_at <= now]

    def suites(self, request: Request, repo: Repository) -> list[PushActivity]:
        """The updates of the protected branch that a ruleset judged, newest first."""
        ref = f"refs/heads/{repo.protected_branch}"
        span = request.query.get("time_period", "day")
        since = request.now - timedelta(days=_SPANS.get(span, 1))
        updates = self.index.activities.until(repo.full_name, request.now)
        return [
            a
            for a in reversed(updates)
            if a.ref == ref
            and a.time >= since
            and repo.ruleset_id
            and self.protection.branch_settings(repo, a.time)["enforcement"] == "active"
        ]

    # -- rendering: each state of a thing once ------------------------------------------------------------------------

    def render_pull(self, pr: PullRequest, now: datetime, *, alone: bool = False) -> bytes:
        """A pull request as of an instant."""
        updated = self.index.updated(pr, now)
        key = ("pull", pr.repo, pr.number, updated, alone)
        return self.cache.get(key, lambda: self.pulls.pull(pr, now, updated, alone=alone))

    def render_review(self, one: Review, now: datetime) -> bytes:
        """A review as of an instant."""
        gone = one.dismissed_at is not None and one.dismissed_at <= now
        return self.cache.get(("review", one.id, gone), lambda: self.pulls.review(one, now))

    def render_run(self, run: Run, attempt: Attempt, now: datetime) -> bytes:
        """An attempt of a run as of an instant."""
        key = ("run", run.id, attempt.number, attempt.completed_at <= now, last_change(attempt, now))
        return self.cache.get(key, lambda: self.actions.run(run, attempt, now))

    def render_job(self, run: Run, attempt: Attempt, job: Job, now: datetime) -> bytes:
        """A job as of an instant."""
        key = ("job", job.id, job.started_at <= now, job.completed_at <= now)
        return self.cache.get(key, lambda: self.actions.job(run, attempt, job, now))

    def render_deployment(self, one: Deployment, now: datetime) -> bytes:
        """A deployment as of an instant."""
        key = ("deployment", one.id, sum(s.created_at <= now for s in one.statuses))
        return self.cache.get(key, lambda: self.actions.deployment(one, now))

    def render_commit(self, one: Commit, *, alone: bool = False) -> bytes:
        """A commit."""
        return self.cache.get(("commit", one.sha, alone), lambda: self.bodies.commit(one, alone=alone))

    def render_audit(self, event: AuditEvent) -> bytes:
        """An audit entry."""
        return self.cache.get(("audit", event.document_id), lambda: organisation.audit_event(self.bodies, event))

    def render_activity(self, one: PushActivity) -> bytes:
        """A branch update."""
        return self.cache.get(
            ("activity", one.id),
            lambda: {
                "id": one.id, "node_id": f"PSH_{one.id:x}", "before": one.before, "after": one.after, "ref": one.ref,
                "timestamp": one.time.strftime("%Y-%m-%dT%H:%M:%SZ"), "activity_type": one.activity_type,
                "actor": self.bodies.user(one.actor),
            },
        )  # fmt: skip


def graphql(answers: Answers, request: Request) -> Response:
    """The one query that is known: the organisation's external identities, by cursor."""
    asked = json.loads(request.body or b"{}")
    if "externalIdentities" not in str(asked.get("query")):
        return json_response({"errors": [{"type": "UNKNOWN", "message": "only externalIdentities is simulated"}]})
    variables = asked.get("variables") or {}
    known = organisation.members(answers.company, request.now)
    after = variables.get("after")
    first = next((n for n, p in enumerate(known, 1) if p.worker_id == after), 0)
    size = min(int(variables.get("first") or 100), 100)
    page = known[first : first + size]
    identities = {
        "totalCount": len(known),
        "pageInfo": {
            "hasNextPage": first + size < len(known), "endCursor": page[-1].worker_id if page else None,
        },
        "nodes": [organisation.external_identity(p) for p in page],
    }  # fmt: skip
    provider = {"ssoUrl": "https://login.harborpay.example/sso", "externalIdentities": identities}
    return tagged(dump({"data": {"organization": {"samlIdentityProvider": provider}}}))
