"""Who acts: people, non-human identities, their accounts and credentials.

- A person's key is the HR `worker_id`; on GitHub the numeric id, never the login.
- A time that is None has not come (nobody terminated, nothing revoked).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Person:
    """A worker as HR knows them, with the GitHub and Vault accounts that belong to them.

    `teams` are slugs among developers, leads, sre, platform, security, audit. `org_admin` owns the GitHub
    organisation. `environment_reviewer` may approve production. `github_removed_at`, `idp_deactivated_at` and
    `vault_disabled_at` are when a leaver lost each account.
    """

    worker_id: str
    name: str
    email: str
    login: str
    github_id: int
    job: str
    manager_id: str | None
    hired_at: datetime
    teams: tuple[str, ...]
    vault_entity_id: str
    org_admin: bool = False
    environment_reviewer: bool = False
    terminated_at: datetime | None = None
    termination_recorded_at: datetime | None = None
    github_joined_at: datetime | None = None
    github_removed_at: datetime | None = None
    idp_deactivated_at: datetime | None = None
    vault_disabled_at: datetime | None = None

    def employed(self, at: datetime) -> bool:
        """Whether HR has this person as active at an instant."""
        return self.hired_at <= at and (self.terminated_at is None or at < self.terminated_at)


@dataclass(frozen=True, slots=True)
class Bot:
    """A non-human identity of the register: a GitHub App, a service account, an AppRole.

    `login` and `github_id` are None where it is no GitHub account; `username` is its name on Kubernetes or Vault.
    """

    register_id: str
    kind: str
    owner_id: str
    login: str | None = None
    github_id: int | None = None
    username: str | None = None
    scopes: Mapping[str, str] = field(default_factory=dict)
    allowed_actions: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    allowed_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountLink:
    """One account of one system and the principal that it belongs to, as the identity system exports it."""

    system: str
    account_key: str | int
    label: str
    principal_id: str
    principal_type: str
    valid_from: datetime
    valid_to: datetime | None
    method: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A personal access token or SSH key that a member authorised for the organisation.

    It is valid until `revoked_at`, the member's removal or `expires_at`, whichever comes first.
    """

    credential_id: int
    worker_id: str
    kind: str
    token_id: int
    hashed_token: str
    last_eight: str
    scopes: tuple[str, ...]
    authorized_at: datetime
    accessed_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IdpEvent:
    """One event of the identity provider (`user.lifecycle.deactivate` …) about a user's e-mail."""

    event: str
    user: str
    published: datetime


@dataclass(frozen=True, slots=True)
class OnCall:
    """One person's turn in an on-call schedule, half-open."""

    schedule: str
    worker_id: str
    start: datetime
    end: datetime
