"""The simulated company as a timeline of facts: what truly happened, told once, that every system renders.

- All facts are frozen; all instants are aware UTC; lists are in order of time unless said otherwise.
- `simulate` (demo.company) makes a `Company` from a seed alone; systems only read it.
- `truth` lists the verdicts that the planted violations must get; whatever else happened is compliant.
- Facts before `start` are the opening position (repositories, an opening deployment and state version each).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from demo.facts.code import (
    AuditEvent,
    Commit,
    ConfigChange,
    File,
    PullRequest,
    PushActivity,
    Repository,
    Review,
)
from demo.facts.delivery import Attempt, Deployment, DeploymentStatus, Job, Rollout, Run, RunApproval
from demo.facts.operations import (
    BreakGlassReview,
    Freeze,
    Incident,
    KubeExec,
    Postmortem,
    RetrospectiveReview,
    TerraformVersion,
    Ticket,
    Truth,
    VaultUse,
    Waiver,
)
from demo.facts.people import AccountLink, Bot, Credential, IdpEvent, OnCall, Person

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "AccountLink",
    "Attempt",
    "AuditEvent",
    "Bot",
    "BreakGlassReview",
    "Commit",
    "Company",
    "ConfigChange",
    "Credential",
    "Deployment",
    "DeploymentStatus",
    "File",
    "Freeze",
    "IdpEvent",
    "Incident",
    "Job",
    "KubeExec",
    "OnCall",
    "Person",
    "Postmortem",
    "PullRequest",
    "PushActivity",
    "Repository",
    "RetrospectiveReview",
    "Review",
    "Rollout",
    "Run",
    "RunApproval",
    "TerraformVersion",
    "Ticket",
    "Truth",
    "VaultUse",
    "Waiver",
]


@dataclass(frozen=True, slots=True)
class Company:
    """Everything that happened in [start, end) of the company's zone, and the opening position before it.

    `people`, `bots` and `repositories` are keyed by worker id, register id and full name. `emergency_approvers`
    are worker ids. `clusters` maps an environment to its cluster's name; the namespace is the environment's name.
    """

    seed: int
    org: str
    org_id: int
    zone: str
    start: datetime
    end: datetime
    people: dict[str, Person]
    bots: dict[str, Bot]
    repositories: dict[str, Repository]
    emergency_approvers: tuple[str, ...]
    clusters: dict[str, str]
    state_bucket: str
    state_keys: tuple[str, ...]
    prod_secret_paths: tuple[str, ...]
    account_links: list[AccountLink] = field(default_factory=list)
    credentials: list[Credential] = field(default_factory=list)
    idp_events: list[IdpEvent] = field(default_factory=list)
    on_call: list[OnCall] = field(default_factory=list)
    commits: dict[str, Commit] = field(default_factory=dict)
    pull_requests: list[PullRequest] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    activities: list[PushActivity] = field(default_factory=list)
    config_changes: list[ConfigChange] = field(default_factory=list)
    audit_events: list[AuditEvent] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    run_approvals: list[RunApproval] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    rollouts: list[Rollout] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    postmortems: list[Postmortem] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    break_glass_reviews: list[BreakGlassReview] = field(default_factory=list)
    retrospective_reviews: list[RetrospectiveReview] = field(default_factory=list)
    freezes: list[Freeze] = field(default_factory=list)
    waivers: list[Waiver] = field(default_factory=list)
    vault_uses: list[VaultUse] = field(default_factory=list)
    kube_execs: list[KubeExec] = field(default_factory=list)
    terraform_versions: list[TerraformVersion] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)

    @property
    def tz(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.zone)

    def person_by_login(self, login: str) -> Person | None:
        """The person behind a GitHub login; None for a bot."""
        return next((p for p in self.people.values() if p.login == login), None)
