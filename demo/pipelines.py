"""Workflow runs: continuous integration, releases to staging and production, infrastructure, nightly jobs.

- A production job starts only after its environment's reviewers approved that attempt, as GitHub would have it;
  stories that break this say so in `Gate`.
- A deployment record, its statuses and the cluster's rollout come from the job that made them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from demo import roster
from demo.model import Attempt, Deployment, DeploymentStatus, Job, Rollout, Run, RunApproval
from demo.operations import ticket
from demo.settings import REQUIRED_CHECKS

if TYPE_CHECKING:
    from demo.builder import Builder, RepoState

_WORKFLOWS = {
    ".github/workflows/ci.yml": ("CI", 1),
    ".github/workflows/cd-production.yml": ("Deploy to production", 2),
    ".github/workflows/infrastructure.yml": ("Infrastructure", 3),
    ".github/workflows/nightly.yml": ("Nightly", 4),
}
CI, CD, INFRA, NIGHTLY = _WORKFLOWS
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Gate:
    """Who opened the production environment for an attempt, and how.

    `approver` None leaves it shut unless `bypassed_by` names an administrator who skipped it or `unattended`
    lets the job start with no answer of its own. `rejected` is a refusal. `after` is how long the job waited.
    """

    approver: str | None = None
    after: timedelta = timedelta(minutes=8)
    rejected: bool = False
    bypassed_by: str | None = None
    unattended: bool = False
    comment: str = ""

    @property
    def opens(self) -> bool:
        """Whether the production job starts."""
        return bool((self.approver and not self.rejected) or self.bypassed_by or self.unattended)


def new_run(
    b: Builder, state: RepoState, what: tuple[str, str], ref: tuple[str, str], start: tuple[str, datetime]
) -> Run:
    """A run without attempts of (workflow, event) on (branch, SHA), started by (actor, when)."""
    (path, event), (actor, at) = what, start
    name, index = _WORKFLOWS[path]
    number = state.run_numbers[path] = state.run_numbers.get(path, 400) + 1
    workflow = state.repo.id // 10 + index
    return Run(
        b.id_at("run", at), state.repo.full_name, path, name, workflow, number, event, ref[0], ref[1], actor, at, ()
    )


def finish(b: Builder, run: Run, attempts: list[Attempt]) -> Run:
    """Record a run with its attempts, their audit entries, and the tickets on what failed of a production pipeline."""
    done = replace(run, attempts=tuple(attempts))
    b.company.runs.append(done)
    about: dict[str, object] = {
        "workflow_run_id": run.id, "workflow_id": run.workflow_id, "run_number": run.run_number, "name": run.name,
        "event": run.event, "head_branch": run.head_branch, "head_sha": run.head_sha,
    }  # fmt: skip
    for a in attempts:
        action = "workflows.created_workflow_run" if a.number == 1 else "workflows.rerun_workflow_run"
        extra = {} if a.number == 1 else {"rerun_type": "all"}
        b.audit(action, a.started_at, a.triggering_actor, run.repo, **about, run_attempt=a.number, **extra)
        for job in a.jobs:
            if job.environment and job.conclusion != "skipped":
                _prepared(b, run, job)
        b.audit(
            "workflows.completed_workflow_run", a.completed_at, a.triggering_actor, run.repo, **about,
            run_attempt=a.number, conclusion=a.conclusion, started_at=a.started_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        )  # fmt: skip
        if run.path in (CD, INFRA) and a.conclusion != "success":
            scope = {"run": f"{run.repo}:{run.id}/{a.number}"}
            ticket(b, "problem", b.on_call(a.completed_at).worker_id, a.completed_at + 900 * _SECOND, scope)
    return done


def _prepared(b: Builder, run: Run, job: Job) -> None:
    b.audit(
        "workflows.prepared_workflow_job", job.started_at - 2 * _SECOND, None, run.repo, workflow_run_id=run.id,
        job_name=job.name, environment_name=job.environment, secrets_passed=["VAULT_ROLE"],
        runner_labels=["self-hosted", "production"], is_hosted_runner=False, calling_workflow_refs=[],
        calling_workflow_shas=[], job_workflow_ref=f"{run.repo}/{run.path}@refs/heads/main",
    )  # fmt: skip


def _job(b: Builder, name: str, start: datetime, length: timedelta, conclusion: str = "success") -> Job:
    return Job(b.id_at("job", start), name, start - 3 * _SECOND, start, start + length, conclusion)


def continuous_integration(
    b: Builder, state: RepoState, ref: tuple[str, str], actor: str, at: datetime, *, pull: int | None = None
) -> Run:
    """The required checks on (branch, SHA): a pull request's head or, with `pull` None, the protected branch."""
    event = "push" if pull is None else "pull_request"
    run = replace(new_run(b, state, (CI, event), ref, (actor, at)), pull_request=pull)
    jobs = [_job(b, name, at + 6 * _SECOND, b.minutes(2, 7)) for name in REQUIRED_CHECKS]
    end = max(j.completed_at for j in jobs) + 2 * _SECOND
    return finish(b, run, [Attempt(1, actor, at, end, "success", tuple(jobs))])


def answer(b: Builder, run: Run, attempt: int, gate: Gate, at: datetime) -> None:
    """Record what a reviewer or administrator did about a waiting production job."""
    if gate.bypassed_by:
        b.audit(
            "workflows.bypass_protection_rules", at, gate.bypassed_by, run.repo, workflow_run_id=run.id,
            run_number=run.run_number, environment_name="production",
        )  # fmt: skip
    if gate.approver is None:
        return
    state = "rejected" if gate.rejected else "approved"
    b.company.run_approvals.append(
        RunApproval(run.repo, run.id, attempt, "production", gate.approver, state, gate.comment, at)
    )
    action = "workflows.reject_workflow_job" if gate.rejected else "workflows.approve_workflow_job"
    b.audit(action, at, gate.approver, run.repo, workflow_run_id=run.id, run_number=run.run_number)


@dataclass(slots=True)
class Release:
    """A release run in the making: attempts are added one by one, then `finish` records it."""

    state: RepoState
    run: Run
    sha: str
    index: int
    attempts: list[Attempt]
    kind: str = "deploy"
    by_tag: bool = False


def attempt_release(
    b: Builder, release: Release, by: str, at: datetime, gate: Gate, *, fails: bool = False
) -> datetime:
    """Add an attempt: build, staging, then production if the gate opens. Returns when it ended."""
    number = len(release.attempts) + 1
    jobs = []
    t = at + 8 * _SECOND
    if number == 1 and release.kind != "rollback":
        jobs.append(_job(b, "build", t, b.minutes(7.5, 9)))
        t = jobs[-1].completed_at + 5 * _SECOND
        staging = replace(_job(b, "deploy-staging", t, b.minutes(3, 5)), environment="staging")
        jobs.append(staging)
        deploy(b, release, staging, number, "success")
        t = staging.completed_at
    ready, answered = t, t + gate.after
    answer(b, release.run, number, gate, answered)
    conclusion = "failure" if fails else "success" if gate.opens else "failure" if gate.rejected else "cancelled"
    t = answered + 15 * _SECOND
    if gate.opens:
        production = _waited(_job(b, "deploy-production", t, b.minutes(4, 7), conclusion), ready)
        deploy(b, release, production, number, conclusion)
    else:
        production = _waited(_job(b, "deploy-production", t, timedelta(0), "skipped"), ready)
    jobs.append(production)
    t = production.completed_at + 3 * _SECOND
    release.attempts.append(Attempt(number, by, at, t, conclusion, tuple(jobs)))
    return t


def _waited(job: Job, since: datetime) -> Job:
    return replace(job, created_at=since + _SECOND, environment="production")


def deploy(b: Builder, release: Release, job: Job, attempt: int, conclusion: str) -> Deployment:
    """The deployment record, its statuses and the rollout that a job made."""
    state, environment = release.state, job.environment or ""
    image, digest = _image(b, state, release.sha)
    start = job.started_at + 5 * _SECOND
    number = b.id_at("deployment", start)
    states = (("in_progress", start + 3 * _SECOND), (conclusion, job.completed_at - 4 * _SECOND))
    statuses = tuple(DeploymentStatus(b.id_at("status", t), s, t, roster.ACTIONS) for s, t in states)
    service = state.repo.service or state.repo.name
    made = Deployment(
        number, state.repo.full_name, service, release.sha, "main", environment, roster.ACTIONS, start, release.run.id,
        attempt, image, statuses, release.kind,
    )  # fmt: skip
    b.company.deployments.append(made)
    template = b.sha("replica-set")[:10]
    names = tuple(f"{service}-{template}-{b.sha('pod')[:5]}" for _ in range(2))
    b.company.rollouts.append(
        Rollout(
            number, state.repo.full_name, service, environment, environment, release.sha, image, digest,
            release.run.id, attempt, b.uuid("rollout"), f"{service}-{template}", names, start + 20 * _SECOND,
            job.completed_at - 8 * _SECOND, conclusion == "success", release.by_tag,
        )
    )  # fmt: skip
    if conclusion == "success":
        state.deployed[environment] = release.index
    return made


def _image(b: Builder, state: RepoState, sha: str) -> tuple[str, str]:
    if sha not in state.images:
        state.images[sha] = (f"{state.repo.image}:{sha[:12]}", f"sha256:{b.digest('image').hex()}")
    return state.images[sha]
