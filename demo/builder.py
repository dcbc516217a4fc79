"""What happens one step at a time: the primitives from which every story of the company is told.

- Each step records the facts that it leaves in every system, so that the systems agree.
- All chance comes from one `random.Random(seed)`; ids follow from the instant, so that they grow with time.
- A branch's history is told in order of time; `main` never has a gap between one update and the next.
"""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from demo.model import AuditEvent, Commit, Company, ConfigChange, File, Person, PushActivity, Truth

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from demo.model import PullRequest, Repository

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
# First id and ids per second of each kind: keeps ids unlike one another and growing with time.
_ID_SPACE = {
    "pull": (1_900_000_000, 3),
    "review": (2_100_000_000, 5),
    "event": (15_000_000_000, 20),
    "activity": (20_000_000_000, 50),
    "run": (9_000_000_000, 40),
    "job": (30_000_000_000, 90),
    "deployment": (1_200_000_000, 9),
    "status": (2_400_000_000, 25),
}


@dataclass(slots=True)
class Merge:
    """One merge to a protected branch, and the accounts that contributed to it."""

    pull: PullRequest
    contributors: frozenset[str]


@dataclass(slots=True)
class RepoState:
    """Where a repository stands while its story is told."""

    repo: Repository
    main: list[tuple[datetime, str]] = field(default_factory=list)
    next_number: int = 1
    run_numbers: dict[str, int] = field(default_factory=dict)
    merges: list[Merge] = field(default_factory=list)
    deployed: dict[str, int] = field(default_factory=dict)  # environment -> index into merges
    images: dict[str, tuple[str, str]] = field(default_factory=dict)  # sha -> image reference, digest

    @property
    def head(self) -> str:
        """The SHA at the tip of the protected branch."""
        return self.main[-1][1]


class Builder:
    """Collects the facts of one company; see the module for the rules."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.rng = random.Random(company.seed)
        self.zone: ZoneInfo = company.tz
        self.states = {
            name: RepoState(repo, [(repo.created_at, repo.initial_sha)], 100 + 37 * n)
            for n, (name, repo) in enumerate(company.repositories.items(), 1)
        }
        self._serial = 0
        self._used: set[tuple[str, int]] = set()

    # -- identities of things ------------------------------------------------------------------------------

    def digest(self, label: str) -> bytes:
        """32 bytes that no other call of this seed gets."""
        self._serial += 1
        return hashlib.sha256(f"{self.company.seed}/{label}/{self._serial}".encode()).digest()

    def sha(self, label: str = "commit") -> str:
        """A new 40-digit object name."""
        return self.digest(label).hex()[:40]

    def uuid(self, label: str) -> str:
        """A new UUID."""
        return str(uuid.UUID(bytes=self.digest(label)[:16], version=4))

    def id_at(self, kind: str, at: datetime) -> int:
        """A new id of a kind that is greater than those of earlier seconds."""
        first, per_second = _ID_SPACE.get(kind, (0, 1 / 3600))
        found = first + int((at - _EPOCH).total_seconds() * per_second)
        while (kind, found) in self._used:
            found += 1
        self._used.add((kind, found))
        return found

    def minutes(self, low: float, high: float) -> timedelta:
        """A random span in whole seconds."""
        return timedelta(seconds=self.rng.randint(int(low * 60), int(high * 60)))

    def chance(self, share: float) -> bool:
        """True in a share of all cases."""
        return self.rng.random() < share

    def key_at(self, prefix: str, at: datetime) -> str:
        """A new key of the ticket or incident system (`CHG-10417`) that grows with time."""
        return f"{prefix}-{10_000 + self.id_at(prefix, at)}"

    # -- people ----------------------------------------------------------------------------------------------

    def staff(self, at: datetime, *teams: str) -> list[str]:
        """Logins of those who belong to one of the teams, have access at `at` and are not about to leave."""
        soon = at + timedelta(days=3)
        return [
            p.login
            for p in self.company.people.values()
            if set(teams) & set(p.teams) and p.employed(at) and p.employed(soon) and _joined(p, at)
        ]

    def environment_reviewers(self, at: datetime) -> list[str]:
        """Logins of those who may approve production at an instant."""
        return [p.login for p in self.company.people.values() if p.environment_reviewer and p.employed(at)]

    def person(self, login: str) -> Person:
        """The person behind a login, who must exist."""
        found = self.company.person_by_login(login)
        if found is None:
            raise LookupError(login)
        return found

    def on_call(self, at: datetime) -> Person:
        """Who is on call at an instant."""
        turn = next(t for t in self.company.on_call if t.start <= at < t.end)
        return self.company.people[turn.worker_id]

    # -- records -----------------------------------------------------------------------------------------------

    def audit(
        self, action: str, at: datetime, actor: str | None, repo: str | None = None, /, **fields: object
    ) -> AuditEvent:
        """Record an audit log entry; `operation` among the fields is its operation type."""
        operation = str(fields.pop("operation", "modify"))
        document = base64.urlsafe_b64encode(self.digest("audit")[:16]).decode().rstrip("=")
        event = AuditEvent(document, action, at, actor, repo, operation, fields)
        self.company.audit_events.append(event)
        return event

    def commit(
        self,
        repo: str,
        parents: tuple[str, ...],
        author: str,
        at: datetime,
        message: str,
        *,
        committer: str | None = None,
        files: tuple[File, ...] = (),
        co_authors: tuple[str, ...] = (),
    ) -> Commit:
        """Record a commit; with two parents its tree is that of the automatic merge."""
        tree = self.sha("tree")
        trailers = "".join(f"\n\nCo-authored-by: {self._trailer(c)}" for c in co_authors)
        made = Commit(
            self.sha(),
            tree,
            repo,
            parents,
            author,
            committer or author,
            at,
            at,
            message + trailers,
            files,
            co_authors,
            tree if len(parents) > 1 else None,
        )
        self.company.commits[made.sha] = made
        return made

    def _trailer(self, login: str) -> str:
        person = self.person(login)
        return f"{person.name} <{person.github_id}+{login}@users.noreply.github.com>"

    def activity(
        self, repo: str, ref: str, before: str, after: str, *, actor: str, at: datetime, kind: str
    ) -> PushActivity:
        """Record a branch update, with the git event that goes with a push by a person."""
        made = PushActivity(self.id_at("activity", at), repo, f"refs/heads/{ref}", before, after, actor, at, kind)
        self.company.activities.append(made)
        return made

    def git_push(self, repo: str, actor: str, at: datetime, **fields: object) -> AuditEvent:
        """Record the audit entry of a push over SSH or, with a token in `fields`, over HTTPS."""
        transport = 1 if "token_id" in fields else 2
        name = "http" if transport == 1 else "ssh"
        return self.audit(
            "git.push", at, actor, repo, repository=repo, transport_protocol=transport,
            transport_protocol_name=name, **fields,
        )  # fmt: skip

    def configure(
        self,
        repo: str,
        target: tuple[str, str],
        setting: tuple[str, object, object],
        *,
        at: datetime,
        actor: str,
        ticket: str | None = None,
    ) -> None:
        """Record a change of a protection setting; the audit entry is the caller's."""
        (kind, name), (key, old, new) = target, setting
        self.company.config_changes.append(ConfigChange(repo, kind, name, at, actor, key, old, new, ticket))

    def exception(self, control: str, population: str, attributes: str, item: str, kind_why: tuple[str, str]) -> None:
        """Add to the truth that each of the attributes (letters) is an exception for an item."""
        kind, why = kind_why
        self.company.truth.extend(Truth(control, population, attribute, item, kind, why) for attribute in attributes)


def _joined(person: Person, at: datetime) -> bool:
    return person.github_joined_at is not None and person.github_joined_at <= at
