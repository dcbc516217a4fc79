"""Statements: what the ledger's leaves say, as canonical JSON.

- A statement is `{"kind", "version", "at", "code", …}`: what is stated, when, and by which code it was made.
- `code` is self-asserted: it says which commit, whether the tree was clean, and the digest of the locked
  environment. It proves something only together with an attestation of the build.
- Receipts come ready from custody with their own collector identity; `receipt` takes their bytes as they are.
- Digests are lower-case hexadecimal SHA-256; times UTC with second resolution.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from evidence.canonical import canonical
from evidence.ledger.tiles import MAX_ENTRY

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
"""Version of the statement format."""

KINDS = frozenset(
    {
        "receipt", "plan", "definition", "parameters", "scope", "identity", "assessment", "pack", "waiver",
        "decision", "sample", "hold", "key", "access",
    }
)  # fmt: skip
"""Every kind of statement."""

_RESERVED = frozenset({"kind", "version", "at", "code"})
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CodeIdentity:
    """Which code states something.

    Attributes:
        commit: full git commit.
        tree_clean: whether the working tree was that commit, unchanged.
        lock_sha256: digest of the lock file of the environment.
    """

    commit: str
    tree_clean: bool
    lock_sha256: str

    def __post_init__(self) -> None:
        """Refuse abbreviations."""
        if not _COMMIT.fullmatch(self.commit):
            raise ValueError(f"commit {self.commit!r} is not a full lower-case git commit")
        check_digest("lock_sha256", self.lock_sha256)


def statement(kind: str, body: Mapping[str, Any], *, now: datetime, code: CodeIdentity) -> bytes:
    """The canonical bytes of one statement.

    Raises:
        ValueError: for an unknown kind, a reserved field in `body`, a value that canonical JSON does not hold, a time
            without zone, or more than 65,535 bytes.
    """
    if kind not in KINDS:
        raise ValueError(f"statement kind {kind!r}; valid: {', '.join(sorted(KINDS))}")
    if taken := sorted(_RESERVED & body.keys()):
        raise ValueError(f"the body of a statement may not set {', '.join(taken)}")
    data = canonical({**body, "kind": kind, "version": VERSION, "at": utc(now), "code": as_json(code)})
    if len(data) > MAX_ENTRY:
        raise ValueError(f"a {kind} statement of {len(data)} bytes, at most {MAX_ENTRY}: state a digest instead")
    return data


def receipt(data: bytes) -> bytes:
    """A receipt as custody keeps it: already a statement, logged byte for byte."""
    if not data.startswith(b"{") or b'"kind":"receipt"' not in data:
        raise ValueError('a receipt is a canonical JSON object with "kind":"receipt"')
    return data


@dataclass(frozen=True, slots=True)
class Statement:
    """The fields of one kind of statement; `encode` makes the leaf."""

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        """Digests are digests."""
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name.endswith("sha256") and value is not None:
                check_digest(item.name, value)

    def encode(self, now: datetime, code: CodeIdentity) -> bytes:
        """The leaf's bytes."""
        return statement(self.kind, as_json(self), now=now, code=code)


@dataclass(frozen=True, slots=True)
class Plan(Statement):
    """What will be collected in a period, logged before it begins: the yardstick of completeness."""

    kind = "plan"
    name: str
    period_start: datetime
    period_end: datetime
    streams: tuple[str, ...]
    schedule: str
    sla_hours: int


@dataclass(frozen=True, slots=True)
class Definition(Statement):
    """A control's definition, its sheet and questions, in force from a time on."""

    kind = "definition"
    control: str
    sha256: str
    query_sha256: tuple[str, ...]
    effective_from: datetime

    def __post_init__(self) -> None:
        """Digests are digests, in the list too."""
        check_digest("sha256", self.sha256)
        for digest in self.query_sha256:
            check_digest("query_sha256", digest)


@dataclass(frozen=True, slots=True)
class Parameters(Statement):
    """The parameters in force from a time on, by digest."""

    kind = "parameters"
    sha256: str
    effective_from: datetime


@dataclass(frozen=True, slots=True)
class Scope(Statement):
    """What is in scope, parameters that were chosen included, from a time on, by digest."""

    kind = "scope"
    sha256: str
    effective_from: datetime


@dataclass(frozen=True, slots=True)
class Assessment(Statement):
    """The answer to one control for one period: over which snapshot, by which definition, with which result."""

    kind = "assessment"
    control: str
    period_start: datetime
    period_end: datetime
    conclusion: str
    definition_sha256: str
    parameters_sha256: str
    snapshot: str
    result_sha256: str
    counts: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Pack(Statement):
    """An evidence pack: its manifest, and its bytes before they were signed."""

    kind = "pack"
    name: str
    period_start: datetime
    period_end: datetime
    manifest_sha256: str
    unsigned_sha256: str


@dataclass(frozen=True, slots=True)
class Waiver(Statement):
    """An accepted exception: by whom, for which subjects, from when to when. Turns nothing green before `signed_at`."""

    kind = "waiver"
    waiver: str
    control: str
    subjects: tuple[str, ...]
    reason: str
    approved_by: str
    signed_at: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Decision(Statement):
    """What a named person decided about a proposal of severity, on the exceptions that its digest commits to."""

    kind = "decision"
    period: str
    grouped_by: str
    group: str
    proposed: str
    proposal_sha256: str
    decided: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sample(Statement):
    """A population that a sample will be drawn from, committed to before the auditor names a nonce."""

    kind = "sample"
    pack: str
    control: str
    population: str
    definition_sha256: str
    population_sha256: str
    members: int
    stratum: str | None = None


@dataclass(frozen=True, slots=True)
class Hold(Statement):
    """A legal hold placed or released on what the receipts under a prefix brought, of a period or of all time."""

    kind = "hold"
    hold: str
    prefix: str
    placed: bool
    by: str
    reason: str
    period_start: datetime | None = None
    period_end: datetime | None = None
    objects: int | None = None
    objects_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Key(Statement):
    """What happened to a key: `introduced`, `rotated` (cross-signed by the old key), `revoked` as of a time."""

    kind = "key"
    event: str
    vkey: str
    effective_from: datetime
    previous_vkey: str | None = None
    cross_signature: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Certificate(Statement):
    """What happened to a pack's key, by its certificate: `introduced`, `rotated`, `revoked` as of a time.

    `certificate` is what the auditor is handed to trust (PEM): the certificate itself, or the root that issued it.
    """

    kind = "key"
    event: str
    certificate_sha256: str
    effective_from: datetime
    certificate: str | None = None
    previous_sha256: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Access(Statement):
    """Somebody looked at evidence: who, through what, at what."""

    kind = "access"
    by: str
    channel: str
    object: str
    query_sha256: str | None = None


def as_json(value: Any) -> Any:
    """A dataclass as JSON: times in UTC, absent fields left out."""
    if hasattr(value, "__dataclass_fields__"):
        found = {item.name: as_json(getattr(value, item.name)) for item in fields(value)}
        return {name: content for name, content in found.items() if content is not None}
    return utc(value) if isinstance(value, datetime) else value


def utc(time: datetime) -> str:
    """`time` as RFC 3339 in UTC, to the second; `ValueError` if it has no zone."""
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone")
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_digest(name: str, value: str) -> None:
    """`ValueError` unless `value` is a lower-case hexadecimal SHA-256."""
    if not _DIGEST.fullmatch(value):
        raise ValueError(f"{name} {value!r} is not a lower-case hexadecimal SHA-256")
