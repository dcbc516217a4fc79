"""Workflow runs, jobs, approvals, deployments and their statuses as GitHub answers them as of an instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.systems.github.bodies import API, WEB, Bodies, node_id, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from demo.model import Attempt, Deployment, DeploymentStatus, Job, Run, RunApproval


@dataclass(frozen=True, slots=True)
class Actions:
    """Renders what a pipeline left behind."""

    bodies: Bodies

    def run(self, run: Run, attempt: Attempt, now: datetime) -> dict[str, object]:
        """One attempt of a run as of an instant."""
        url = f"{API}/repos/{run.repo}/actions/runs/{run.id}"
        done = attempt.completed_at <= now
        commit = self.bodies.company.commits[run.head_sha]
        suite = f"{API}/repos/{run.repo}/check-suites/{run.id + 7}"
        previous = f"{url}/attempts/{attempt.number - 1}" if attempt.number > 1 else None
        return {
            "id": run.id, "name": run.name, "node_id": node_id("WFR", run.id), "head_branch": run.head_branch,
            "head_sha": run.head_sha, "path": run.path, "display_title": commit.message.partition("\n")[0],
            "run_number": run.run_number, "event": run.event, "status": "completed" if done else "in_progress",
            "conclusion": attempt.conclusion if done else None, "workflow_id": run.workflow_id,
            "check_suite_id": run.id + 7, "check_suite_node_id": node_id("CS", run.id + 7), "url": url,
            "html_url": f"{WEB}/{run.repo}/actions/runs/{run.id}", "pull_requests": self._pulls(run),
            "created_at": stamp(run.created_at), "updated_at": stamp(last_change(attempt, now)),
            "actor": self.bodies.user(run.actor), "run_attempt": attempt.number, "referenced_workflows": [],
            "run_started_at": stamp(attempt.started_at),
            "triggering_actor": self.bodies.user(attempt.triggering_actor), "jobs_url": f"{url}/jobs",
            "logs_url": f"{url}/logs", "check_suite_url": suite, "artifacts_url": f"{url}/artifacts",
            "cancel_url": f"{url}/cancel", "rerun_url": f"{url}/rerun", "previous_attempt_url": previous,
            "workflow_url": f"{API}/repos/{run.repo}/actions/workflows/{run.workflow_id}",
            "head_commit": {
                "id": commit.sha, "tree_id": commit.tree, "message": commit.message,
                "timestamp": stamp(commit.committed_at), "author": self._author(commit.author),
                "committer": self._author(commit.committer),
            },
            "repository": self.bodies.repository(run.repo), "head_repository": self.bodies.repository(run.repo),
        }  # fmt: skip

    def _author(self, login: str) -> dict[str, object]:
        return {"name": login, "email": f"{self.bodies.account_id(login)}+{login}@users.noreply.github.com"}

    def _pulls(self, run: Run) -> list[dict[str, object]]:
        if run.pull_request is None:
            return []
        repo = self.bodies.company.repositories[run.repo]
        side = {"id": repo.id, "url": f"{API}/repos/{run.repo}", "name": repo.name}
        pull = next(p for p in self.bodies.company.pull_requests if (p.repo, p.number) == (run.repo, run.pull_request))
        return [
            {
                "url": f"{API}/repos/{run.repo}/pulls/{pull.number}", "id": pull.id, "number": pull.number,
                "head": {"ref": pull.head_ref, "sha": run.head_sha, "repo": side},
                "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": side},
            }
        ]  # fmt: skip

    def job(self, run: Run, attempt: Attempt, job: Job, now: datetime) -> dict[str, object]:
        """One job as of an instant: queued, in progress or completed."""
        done, begun = job.completed_at <= now, job.started_at <= now
        waits = "waiting" if job.environment == "production" else "queued"
        status = "completed" if done else "in_progress" if begun else waits
        url = f"{API}/repos/{run.repo}/actions"
        prod = job.environment == "production"
        skipped = job.conclusion == "skipped"
        return {
            "id": job.id, "run_id": run.id, "workflow_name": run.name, "head_branch": run.head_branch,
            "run_url": f"{url}/runs/{run.id}", "run_attempt": attempt.number, "node_id": node_id("CR", job.id),
            "head_sha": run.head_sha, "url": f"{url}/jobs/{job.id}",
            "html_url": f"{WEB}/{run.repo}/actions/runs/{run.id}/job/{job.id}", "status": status,
            "conclusion": job.conclusion if done else None, "created_at": stamp(job.created_at),
            "started_at": stamp(job.started_at if begun else job.created_at),
            "completed_at": stamp(job.completed_at) if done else None, "name": job.name,
            "steps": [] if skipped or not begun else self._steps(job, done=done),
            "check_run_url": f"{API}/repos/{run.repo}/check-runs/{job.id}",
            "labels": ["self-hosted", "production"] if prod else ["ubuntu-latest"],
            "runner_id": None if skipped else job.id % 97, "runner_group_id": None if skipped else 2,
            "runner_name": None if skipped else f"{'prod' if prod else 'hosted'}-runner-{job.id % 97}",
            "runner_group_name": None if skipped else "default",
        }  # fmt: skip

    def _steps(self, job: Job, *, done: bool) -> list[dict[str, object]]:
        names = ("Set up job", job.name)
        return [
            {
                "name": name, "status": "completed" if done else "in_progress",
                "conclusion": job.conclusion if done else None, "number": n,
                "started_at": stamp(job.started_at), "completed_at": stamp(job.completed_at) if done else None,
            }
            for n, name in enumerate(names, 1)
        ]  # fmt: skip

    def approval(self, one: RunApproval) -> dict[str, object]:
        """A reviewer's answer: neither time nor attempt, as GitHub gives it."""
        number = self.bodies.company.repositories[one.repo].environments[one.environment]
        url = f"{API}/repos/{one.repo}/environments/{one.environment}"
        created = stamp(self.bodies.company.repositories[one.repo].created_at)
        environment = {
            "id": number, "node_id": node_id("EN", number), "name": one.environment, "url": url,
            "html_url": f"{WEB}/{one.repo}/deployments/activity_log?environments_filter={one.environment}",
            "created_at": created, "updated_at": created,
        }  # fmt: skip
        return {
            "state": one.state, "comment": one.comment, "environments": [environment],
            "user": self.bodies.user(one.user),
        }  # fmt: skip

    def deployment(self, one: Deployment, now: datetime) -> dict[str, object]:
        """A deployment as of an instant."""
        url = f"{API}/repos/{one.repo}/deployments/{one.id}"
        last = max((s.created_at for s in one.statuses if s.created_at <= now), default=one.created_at)
        return {
            "url": url, "id": one.id, "node_id": node_id("DE", one.id), "sha": one.sha, "ref": one.ref,
            "task": "deploy",
            "payload": {"run_id": one.run_id, "run_attempt": one.run_attempt, "image": one.image},
            "original_environment": one.environment, "environment": one.environment, "description": None,
            "creator": self.bodies.user(one.creator), "created_at": stamp(one.created_at), "updated_at": stamp(last),
            "statuses_url": f"{url}/statuses", "repository_url": f"{API}/repos/{one.repo}",
            "transient_environment": False, "production_environment": one.environment == "production",
            "performed_via_github_app": None,
        }  # fmt: skip

    def status(self, deployment: Deployment, one: DeploymentStatus) -> dict[str, object]:
        """One status of a deployment."""
        url = f"{API}/repos/{deployment.repo}/deployments/{deployment.id}"
        log = f"{WEB}/{deployment.repo}/actions/runs/{deployment.run_id}"
        return {
            "url": f"{url}/statuses/{one.id}", "id": one.id, "node_id": node_id("DES", one.id), "state": one.state,
            "creator": self.bodies.user(one.creator), "description": one.description,
            "environment": deployment.environment, "target_url": log, "created_at": stamp(one.created_at),
            "updated_at": stamp(one.created_at), "deployment_url": url,
            "repository_url": f"{API}/repos/{deployment.repo}", "environment_url": "", "log_url": log,
            "performed_via_github_app": None,
        }  # fmt: skip


def last_change(attempt: Attempt, now: datetime) -> datetime:
    """When an attempt last changed, as of an instant."""
    moments = [attempt.started_at, attempt.completed_at]
    for job in attempt.jobs:
        moments += [job.started_at, job.completed_at]
    return max((m for m in moments if m <= now), default=attempt.started_at)
