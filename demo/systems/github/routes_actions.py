"""Routes of delivery: workflow runs, attempts, jobs, approvals, deployments, statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.systems.github import organisation
from demo.systems.github.bodies import dump
from demo.systems.github.paging import numbered, tagged
from demo.systems.github.routing import REPO, get

_MOST_FILTERED = 1000

if TYPE_CHECKING:
    from demo.systems import Request, Response
    from demo.systems.github.answers import Answers


@get(f"{REPO}/actions/runs")
def runs(a: Answers, r: Request) -> Response:
    """Workflow runs, newest first; a filtered list answers its first thousand, as GitHub does."""
    query = r.query
    low, high = organisation.created_range(query.get("created", ""))
    latest = [(x, a.attempts(x, r.now)[-1]) for x in a.index.runs.until(a.repository(r).full_name, r.now)]
    found = [
        (run, attempt)
        for run, attempt in reversed(latest)
        if (not low or run.created_at >= low)
        and (not high or run.created_at <= high)
        and query.get("branch", run.head_branch) == run.head_branch
        and query.get("event", run.event) == run.event
        and query.get("head_sha", run.head_sha) == run.head_sha
        and query.get("actor", run.actor) == run.actor
        and query.get("status", "") in {"", _status(attempt.completed_at <= r.now), attempt.conclusion}
    ]
    if set(query) & {"created", "branch", "event", "head_sha", "actor", "status"}:
        found = found[:_MOST_FILTERED]
    return numbered(r, found, lambda pair: a.render_run(*pair, r.now), "workflow_runs")


def _status(done: bool) -> str:
    return "completed" if done else "in_progress"


@get(f"{REPO}/actions/runs/(?P<id>\\d+)")
def run(a: Answers, r: Request) -> Response:
    """The latest attempt of a run."""
    found = a.run(r)
    return tagged(a.render_run(found, a.attempts(found, r.now)[-1], r.now))


@get(f"{REPO}/actions/runs/(?P<id>\\d+)/attempts/(?P<attempt>\\d+)")
def run_attempt(a: Answers, r: Request) -> Response:
    """One attempt of a run."""
    found = a.run(r)
    attempt = {x.number: x for x in a.attempts(found, r.now)}[int(r.params["attempt"])]
    return tagged(a.render_run(found, attempt, r.now))


@get(f"{REPO}/actions/runs/(?P<id>\\d+)/(?:attempts/(?P<attempt>\\d+)/)?jobs")
def jobs(a: Answers, r: Request) -> Response:
    """Jobs of one attempt, of the latest, or, with `filter=all`, of every attempt."""
    found = a.run(r)
    attempts = a.attempts(found, r.now)
    if "attempt" in r.params:
        attempts = [{x.number: x for x in attempts}[int(r.params["attempt"])]]
    elif r.query.get("filter", "latest") != "all":
        attempts = attempts[-1:]
    begun = [(x, job) for x in attempts for job in x.jobs if job.created_at <= r.now]
    return numbered(r, begun, lambda pair: a.render_job(found, pair[0], pair[1], r.now), "jobs")


@get(f"{REPO}/actions/runs/(?P<id>\\d+)/approvals")
def approvals(a: Answers, r: Request) -> Response:
    """Reviewers' answers, newest first."""
    found = a.run(r)
    known = a.index.approvals.until((found.repo, found.id), r.now)[::-1]
    return tagged(dump([a.actions.approval(x) for x in known]))


@get(f"{REPO}/deployments")
def deployments(a: Answers, r: Request) -> Response:
    """Deployments by environment, SHA, ref; newest first."""
    query = r.query
    found = [
        d
        for d in reversed(a.index.deployments.until(a.repository(r).full_name, r.now))
        if query.get("environment", d.environment) == d.environment
        and query.get("sha", d.sha) == d.sha
        and query.get("ref", d.ref) == d.ref
    ]
    return numbered(r, found, lambda d: a.render_deployment(d, r.now))


@get(f"{REPO}/deployments/(?P<id>\\d+)")
def deployment(a: Answers, r: Request) -> Response:
    """One deployment."""
    return tagged(a.render_deployment(a.deployment(r), r.now))


@get(f"{REPO}/deployments/(?P<id>\\d+)/statuses")
def deployment_statuses(a: Answers, r: Request) -> Response:
    """A deployment's statuses, newest first."""
    found = a.deployment(r)
    known = [s for s in reversed(found.statuses) if s.created_at <= r.now]
    return numbered(r, known, lambda s: dump(a.actions.status(found, s)))
