"""What happened around deliveries: incidents, tickets, reviews, and uses of Vault, Kubernetes and Terraform."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident of the company's incident system.

    `linked_change` names the cause, {"repo": …, "deployment": id} or {"repo": …, "pr": number}; None: no change.
    """

    id: str
    severity: str
    service: str
    title: str
    started_at: datetime
    detected_at: datetime
    created_at: datetime
    acknowledged_at: datetime
    mitigated_at: datetime
    resolved_at: datetime
    owner: str
    cause: str
    mitigation: str
    linked_change: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Postmortem:
    """The approved review of an incident with its follow-up actions (id, due date, closed at)."""

    incident: str
    approved_at: datetime
    approver: str
    actions: tuple[tuple[str, datetime, datetime | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket: change, emergency, break-glass or access. People are worker ids; `scope` names what it covers."""

    key: str
    type: str
    requester: str
    approver: str | None
    opened_at: datetime
    approved_at: datetime | None
    scope: Mapping[str, object] = field(default_factory=dict)
    incident: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class BreakGlassReview:
    """The review after a break-glass or interactive session; `actions` are (record id, justification)."""

    ticket: str
    reviewer: str
    reviewed_at: datetime
    actions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RetrospectiveReview:
    """The review of an emergency change after the fact; `change` is the ticket's key, `sha` the reviewed diff."""

    change: str
    reviewer: str
    sha: str
    reviewed_at: datetime
    tests_finished_at: datetime
    scans_finished_at: datetime
    outcome: str = "accepted"


@dataclass(frozen=True, slots=True)
class Freeze:
    """A change freeze of services, half-open."""

    id: str
    services: tuple[str, ...]
    start: datetime
    end: datetime
    approved_by: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """A waiver of one control attribute for a scope and time."""

    id: str
    control: str
    attribute: str
    scope: Mapping[str, object]
    requested_by: str
    beneficiary: str
    reason: str
    approved_by: str
    created_at: datetime
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, slots=True)
class VaultUse:
    """One request to Vault that matters to a control (people, root, identity administration).

    Machine traffic (logins, renewals, reads by workloads, hourly and more) is the Vault system's own noise.
    `token` is a plain label of the client token, to be HMACed; None with `policies` empty = unauthenticated
    (generate-root). `entity_id` is None for root tokens. `data` are request fields as sent.
    """

    request_id: str
    time: datetime
    operation: str
    path: str
    mount_point: str
    mount_type: str
    display_name: str
    policies: tuple[str, ...]
    token: str | None
    entity_id: str | None
    remote_address: str
    data: Mapping[str, object] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class KubeExec:
    """One interactive access of a person to a pod: the request (`verb`, `subresource`) and its end.

    `stages` are the audit stages that are written, all with one `audit_id`. `username` and `groups` are as the
    API server saw them.
    """

    audit_id: str
    time: datetime
    ended_at: datetime
    worker_id: str
    username: str
    groups: tuple[str, ...]
    verb: str
    subresource: str
    environment: str
    namespace: str
    service: str
    pod: str
    container: str
    command: tuple[str, ...]
    source_ip: str
    code: int = 101
    stages: tuple[str, ...] = ("ResponseStarted", "ResponseComplete")


@dataclass(frozen=True, slots=True)
class TerraformVersion:
    """One object version of a state file. `run_id` is None where no pipeline run wrote it.

    `addresses` are the resources in the state, `changed` those that differ from the version before.
    """

    bucket: str
    key: str
    version_id: str
    lineage: str
    serial: int
    written_at: datetime
    run_id: int | None
    writer: str
    addresses: tuple[str, ...]
    changed: tuple[str, ...]
    terraform_version: str = "1.9.8"


@dataclass(frozen=True, slots=True)
class Truth:
    """One verdict that a planted violation must get; `item` is written as the subjects table prescribes."""

    control: str
    population: str
    attribute: str
    item: str
    kind: str
    why: str
    verdict: str = "EXCEPTION"
