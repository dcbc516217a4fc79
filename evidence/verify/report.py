"""What a verification found: checks with a result each, and what all of them together do not prove.

- `ok` is true only if no check failed. `not checked` is not `ok`: it is counted, shown, and says what was missing.
- Check names are stable: scripts and the tamper tests rest on them.
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Result(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


class Name(StrEnum):
    """The checks, in the order in which they are shown."""

    FILE = "file"
    SIGNATURE = "signature"
    INTEGRITY = "integrity"
    SIGNER = "signer"
    CHANGES = "changes after signing"
    TIMESTAMP = "timestamp"
    COUNTERSIGNATURES = "countersignatures"
    MANIFEST = "manifest"
    ATTACHMENTS = "attachments"
    FOLDER = "files beside the pack"
    STATEMENTS = "log statements"
    CHECKPOINT = "log checkpoint"
    WITNESSES = "log witnesses"
    INCLUSION = "log inclusion"
    CONSISTENCY = "log consistency"
    ANCHORS = "log times"
    KEYS = "keys"
    DEFINITIONS = "definitions"
    PLAN = "plan"
    TIMES = "collection times"
    PREVIOUS = "previous pack"
    HELD = "checkpoint you hold"
    CAPTURES = "captures"
    VERDICTS = "re-performed verdicts"
    METRICS = "re-performed metrics"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: its name, its result, and what was found or what was missing."""

    name: Name
    result: Result
    detail: str


def passed(name: Name, detail: str) -> Check:
    """A check that holds."""
    return Check(name, Result.OK, detail)


def failed(name: Name, detail: str) -> Check:
    """A check that does not hold."""
    return Check(name, Result.FAILED, detail)


def not_checked(name: Name, detail: str) -> Check:
    """A check that could not be made; `detail` says what it needs."""
    return Check(name, Result.NOT_CHECKED, detail)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome for one pack.

    Attributes:
        pack: the file's name.
        pack_id: as its manifest says, or None if that could not be read.
        signer: the signing certificate's subject, or None.
        signed_at: the proven or claimed signing time (ISO 8601), or None; the check `timestamp` says which.
        checks: everything that was looked at.
        does_not_prove: what stays open even if every check is ok.
        differences: what a re-performance found otherwise than the pack says, one mapping of texts each.
    """

    pack: str
    pack_id: str | None
    signer: str | None
    signed_at: str | None
    checks: tuple[Check, ...]
    does_not_prove: tuple[str, ...]
    differences: tuple[Mapping[str, str], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.named(Result.FAILED)

    def named(self, result: Result) -> tuple[Name, ...]:
        """The names of the checks that ended with `result`."""
        return tuple(check.name for check in self.checks if check.result is result)

    def to_json(self) -> str:
        """One JSON object, indented."""
        value = {
            "pack": self.pack,
            "pack_id": self.pack_id,
            "ok": self.ok,
            "signer": self.signer,
            "signed_at": self.signed_at,
            "checks": [{"name": c.name, "result": c.result, "detail": c.detail} for c in self.checks],
            "does_not_prove": list(self.does_not_prove),
            "differences": [dict(one) for one in self.differences],
        }
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"

    def to_text(self) -> str:
        """Plain text for people: the verdict first, then each check, then what is not proven."""
        lines = [
            f"{self.pack}: {self._verdict()}",
            f"  pack       {self.pack_id or 'unknown'}",
            f"  signed by  {self.signer or 'unknown'}",
            f"  signed at  {self.signed_at or 'unknown'}",
            "",
            *(_item(f"  {check.result:<11}  {check.name:<22}  ", check.detail) for check in self.checks),
            "",
            "This does not prove:",
            *(_item("  - ", open_question) for open_question in self.does_not_prove),
        ]
        return "\n".join(lines) + "\n"

    def _verdict(self) -> str:
        failures, missing = self.named(Result.FAILED), self.named(Result.NOT_CHECKED)
        if failures:
            return f"FAILED ({', '.join(failures)})"
        return f"OK, but not checked: {', '.join(missing)}" if missing else "OK"


def _item(head: str, text: str) -> str:
    """`text` wrapped behind `head`; what a pack says of itself reaches the terminal without control characters."""
    clean = "".join(char if char.isprintable() else "�" for char in text)
    return textwrap.fill(clean, 110, initial_indent=head, subsequent_indent=" " * len(head))
