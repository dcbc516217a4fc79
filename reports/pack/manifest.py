"""Write the pack's manifest and its attachment of log statements, in canonical JSON.

docs/pack-manifest.md is the reference of both formats. The verifier reads them with code of its own; what is
written here is read back by it at once, so that a pack that could not be verified is never signed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.canonical import canonical, sha256
from evidence.verify.manifest import FORMAT, STATEMENTS_FORMAT, parse_manifest, parse_statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from evidence.verify.manifest import Ledger


@dataclass(frozen=True, slots=True)
class PackFile:
    """A file that belongs to a pack.

    Attributes:
        path: its attachment name, or its path inside `NAME.d/`: relative, of `[A-Za-z0-9._=+-]` and `/`.
        content: its bytes, or the local file that holds them.
        role: what it is for: `population`, `results`, `statements`, `oscal`, …
        embedded: whether it is attached to the PDF or lies in `NAME.d/`.
    """

    path: str
    content: bytes | Path
    role: str
    embedded: bool


@dataclass(frozen=True, slots=True)
class PackPeriod:
    """The period that a pack reports on: its label, and the half-open interval as aware times."""

    label: str
    start: datetime
    end: datetime


def build_manifest(
    pack_id: str,
    period: PackPeriod,
    files: Iterable[PackFile],
    ledger: Ledger | None,
    facts: Mapping[str, str],
) -> bytes:
    """The manifest's bytes: attach them as `manifest.json`, after every other file is final.

    Args:
        pack_id: the pack's name and version.
        period: what it reports on.
        files: everything else that belongs to the pack, `ledger.json` too; each path once.
        ledger: the log as of the pack with the proofs of its statements; None where there is no log.
        facts: further facts by name, as text: digests of definitions, scope, code commit, lock.

    Raises:
        FormatError: the verifier would refuse the result: a path is unsafe or repeated, a fact is empty.
    """
    data = canonical(
        {
            "format": FORMAT,
            "pack_id": pack_id,
            "period": {"label": period.label, "from": _utc(period.start), "to": _utc(period.end)},
            "facts": dict(facts),
            "files": [_file(file) for file in sorted(files, key=lambda file: file.path)],
            "ledger": None if ledger is None else _ledger(ledger),
        }
    )
    parse_manifest(data)
    return data


def build_statements(statements: Iterable[bytes]) -> bytes:
    """The bytes of the attachment `ledger.json`: each statement exactly as it was logged, in UTF-8."""
    data = canonical({"format": STATEMENTS_FORMAT, "statements": [text.decode() for text in statements]})
    parse_statements(data)
    return data


def _file(file: PackFile) -> dict[str, Any]:
    size, digest = _measure(file.content)
    return {"path": file.path, "role": file.role, "bytes": size, "sha256": digest, "embedded": file.embedded}


def _measure(content: bytes | Path) -> tuple[int, str]:
    if isinstance(content, Path):
        with content.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return stream.tell(), digest
    return len(content), sha256(content)


def _ledger(ledger: Ledger) -> dict[str, Any]:
    return {
        "origin": ledger.origin,
        "size": ledger.size,
        "root": ledger.root.hex(),
        "checkpoint_note": ledger.checkpoint_note,
        "proofs": {
            name: {"index": inclusion.index, "proof": [node.hex() for node in inclusion.proof]}
            for name, inclusion in ledger.proofs.items()
        },
        "consistency": [
            {"size": old.size, "root": old.root.hex(), "proof": [node.hex() for node in old.proof]}
            for old in ledger.consistency
        ],
    }


def _utc(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError(f"the period's time {time} has no zone")
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
