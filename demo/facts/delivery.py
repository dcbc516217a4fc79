"""What was built and released: workflow runs, approvals, deployments and their rollouts on the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Job:
    """One job of one attempt. `environment` is the deployment environment that it refers to, if any."""

    id: int
    name: str
    created_at: datetime
    started_at: datetime
    completed_at: datetime
    conclusion: str
    environment: str | None = None
    runner: str = "hosted"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a run: who started it and how it went."""

    number: int
    triggering_actor: str
    started_at: datetime
    completed_at: datetime
    conclusion: str
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One workflow run with all its attempts; `actor` is who caused the first."""

    id: int
    repo: str
    path: str
    name: str
    workflow_id: int
    run_number: int
    event: str
    head_branch: str
    head_sha: str
    actor: str
    created_at: datetime
    attempts: tuple[Attempt, ...]
    pull_request: int | None = None


@dataclass(frozen=True, slots=True)
class RunApproval:
    """One answer of an environment reviewer to a waiting run ('approved' or 'rejected')."""

    repo: str
    run_id: int
    attempt: int
    environment: str
    user: str
    state: str
    comment: str
    time: datetime


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """One status of a deployment: queued, in_progress, success, failure, error, inactive."""

    id: int
    state: str
    created_at: datetime
    creator: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One GitHub deployment of one SHA to one environment by one run attempt, statuses oldest first.

    `kind` is deploy, redeploy, rollback or hotfix; it is the simulation's own knowledge and is not served.
    """

    id: int
    repo: str
    service: str
    sha: str
    ref: str
    environment: str
    creator: str
    created_at: datetime
    run_id: int
    run_attempt: int
    image: str
    statuses: tuple[DeploymentStatus, ...]
    kind: str = "deploy"

    @property
    def succeeded_at(self) -> datetime | None:
        """When it first became successful, or None."""
        return next((s.created_at for s in self.statuses if s.state == "success"), None)


@dataclass(frozen=True, slots=True)
class Rollout:
    """What a deployment did on the cluster: the pipeline's patch of one workload and the pods that followed.

    `image` is the reference with tag, `digest` its sha256 digest, `audit_id` the audit event of the patch.
    `by_tag` is True where the cluster was asked for the tag and not for the digest.
    `succeeded` is False where the new pods never became ready; the previous image then stays in force.
    """

    deployment_id: int
    repo: str
    service: str
    environment: str
    namespace: str
    sha: str
    image: str
    digest: str
    run_id: int
    run_attempt: int
    audit_id: str
    replica_set: str
    pods: tuple[str, ...]
    started_at: datetime
    completed_at: datetime
    succeeded: bool
    by_tag: bool = False

    @property
    def reference(self) -> str:
        """What the cluster was asked to run: the digest, or the tag where that was all that was asked for."""
        return self.image if self.by_tag else f"{self.image.rpartition(':')[0]}@{self.digest}"
