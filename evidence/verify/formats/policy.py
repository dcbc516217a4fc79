"""Trust policies (c2sp.org/tlog-policy): which logs are believed, and how many witnesses must have cosigned.

- A checkpoint is accepted if a listed log signed it for its own origin, and the quorum's witnesses cosigned it.
- Lines: `log <vkey> [<url>]`, `witness <name> <vkey> [<url>]`, `group <name> all|any|<k> <member>...`, `quorum <name>`.
- Names are defined before use, once; each is a member at most once, so no witness counts twice.
- Two keys with the same public bytes are duplicates and refused, whatever their names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evidence.verify.formats.checkpoint import Checkpoint
from evidence.verify.formats.cosignature import WitnessKey, cosigned_at
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.formats.notes import Ed25519Key, open_note

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

NONE = "none"
"""The quorum that asks for no witness."""

_ALLOWED = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_COUNT = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Group:
    """Witnessed if at least `threshold` of `members` (witnesses or groups) are."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A checkpoint that the policy accepts: by which log, and which witnesses cosigned it when."""

    checkpoint: Checkpoint
    log: Ed25519Key
    witnesses: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Policy:
    """Logs, witnesses and the quorum; URLs where the file states them, by key name or witness name."""

    logs: tuple[Ed25519Key, ...]
    witnesses: Mapping[str, WitnessKey]
    groups: Mapping[str, Group]
    quorum: str
    urls: Mapping[str, str] = field(default_factory=dict)

    def accept(self, note: bytes) -> Accepted:
        """Check a signed checkpoint; `FormatError` if it is malformed, `ProofError` if it is not acceptable."""
        names = {key: name for name, key in self.witnesses.items()}
        opened, verified = open_note(note, [*self.logs, *self.witnesses.values()])
        checkpoint = Checkpoint.parse(opened.text)
        log = next((key for key in self.logs if key in verified and key.name == checkpoint.origin), None)
        if log is None:
            raise ProofError(f"the checkpoint of {checkpoint.origin!r} is not signed by a log that the policy lists")
        witnesses = {
            names[key]: cosigned_at(signature) for key, signature in verified.items() if isinstance(key, WitnessKey)
        }
        if not self.witnessed(self.quorum, frozenset(witnesses)):
            have = ", ".join(sorted(witnesses)) or "none"
            raise ProofError(f"quorum {self.quorum!r} is not met; valid cosignatures: {have}")
        return Accepted(checkpoint, log, witnesses)

    def witnessed(self, name: str, witnesses: frozenset[str]) -> bool:
        """Whether `witnesses` suffice for the witness, group or quorum `name`."""
        if name == NONE:
            return True
        group = self.groups.get(name)
        if group is None:
            return name in witnesses
        return sum(self.witnessed(member, witnesses) for member in group.members) >= group.threshold


def parse_policy(data: bytes) -> Policy:
    """Read a policy file; `FormatError` names the line, what was found and what is valid."""
    if not _ALLOWED.fullmatch(data):
        raise FormatError("a policy holds no control characters but tab and newline")
    reader = _Reader()
    # Latin-1 keeps octets apart, as the specification asks: names are opaque, not Unicode.
    for number, line in enumerate(data.decode("latin-1").split("\n"), start=1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            try:
                reader.line(words)
            except FormatError as error:
                raise FormatError(f"policy line {number}: {error}") from error
    return reader.policy()


class _Reader:
    """The definitions of the lines read so far."""

    def __init__(self) -> None:
        self.logs: list[Ed25519Key] = []
        self.witnesses: dict[str, WitnessKey] = {}
        self.groups: dict[str, Group] = {}
        self.members: set[str] = set()
        self.urls: dict[str, str] = {}
        self.quorum: str | None = None

    def line(self, words: list[str]) -> None:
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                self.log(_utf8(vkey), url)
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self.witness(name, _utf8(vkey), url)
            case ["group", name, threshold, *members] if members:
                self.group(name, threshold, tuple(members))
            case ["quorum", name]:
                if self.quorum is not None:
                    raise FormatError("a second quorum; a policy has exactly one")
                self.quorum = name if name == NONE else self.known(name)
            case _:
                raise FormatError(f"{' '.join(words)[:80]!r}: expected log, witness, group or quorum with its items")

    def log(self, vkey: str, url: list[str]) -> None:
        key = Ed25519Key.parse(vkey)
        if any(other.public_key == key.public_key for other in self.logs):
            raise FormatError(f"log {key.name}: this public key is listed twice")
        self.logs.append(key)
        self.urls.update((key.name, u) for u in url)

    def witness(self, name: str, vkey: str, url: list[str]) -> None:
        self.fresh(name)
        key = WitnessKey.parse(vkey)
        if any(other.public_key == key.public_key for other in self.witnesses.values()):
            raise FormatError(f"witness {name}: this public key is listed twice")
        self.witnesses[name] = key
        self.urls.update((name, u) for u in url)

    def group(self, name: str, threshold: str, members: tuple[str, ...]) -> None:
        self.fresh(name)
        for member in members:
            if self.known(member) in self.members:
                raise FormatError(f"{member!r} is a member twice; it may count once")
            self.members.add(member)
        named = {"any": 1, "all": len(members)}.get(threshold)
        if named is None and not _COUNT.fullmatch(threshold):
            raise FormatError(f"threshold {threshold!r}: expected all, any or a number")
        count = int(threshold) if named is None else named
        if count > len(members):
            raise FormatError(f"group {name}: threshold {count} is above its {len(members)} members")
        self.groups[name] = Group(count, members)

    def fresh(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise FormatError(f"the name {name!r} is already defined")

    def known(self, name: str) -> str:
        if name not in self.witnesses and name not in self.groups:
            raise FormatError(f"the name {name!r} is not defined on an earlier line")
        return name

    def policy(self) -> Policy:
        if self.quorum is None:
            raise FormatError("a policy has exactly one quorum line, this has none")
        return Policy(tuple(self.logs), self.witnesses, self.groups, self.quorum, self.urls)


def _utf8(word: str) -> str:
    """A vkey's name is UTF-8, unlike the names of the policy itself."""
    try:
        return word.encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise FormatError("a key's name is UTF-8, this is not") from error
