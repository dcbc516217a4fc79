"""The pack's manifest: what belongs to the pack, and where its statements stand in the evidence log.

- It is the attachment `manifest.json` of the signed PDF, in canonical JSON; docs/pack-manifest.md is its reference.
- It names every other attachment, and every file in the folder `NAME.d/` beside the PDF, by size and SHA-256.
- Statements of the log (receipts and others) travel as exact text in the attachment `ledger.json`; the manifest
  gives each one's position and hash path. A pack of a company without a log has `"ledger": null`, and says so.
- The parser knows nothing of the writer; unknown members are refused, for a member that is not checked is not proven.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evidence.verify import strict_json
from evidence.verify.formats.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "evidence-pack-manifest/1"
STATEMENTS_FORMAT = "evidence-pack-statements/1"

MANIFEST_NAME = "manifest.json"
LEDGER_NAME = "ledger.json"

_PACK = frozenset({"format", "pack_id", "period", "facts", "files", "ledger"})
_FILE = frozenset({"path", "role", "bytes", "sha256", "embedded"})
_LEDGER = frozenset({"origin", "size", "root", "checkpoint_note", "proofs", "consistency"})

_HASH = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
# Relative, forward slashes, no hidden names and no way up: safe to join to a folder on every system.
_PATH = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._=+-]*(/[A-Za-z0-9_][A-Za-z0-9._=+-]*)*")


@dataclass(frozen=True, slots=True)
class NamedFile:
    """One file of the pack: an attachment of that name, or a path inside `NAME.d/`."""

    path: str
    role: str
    size: int
    sha256: str
    embedded: bool


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where a statement stands in the log: its leaf index, and the hash path from leaf to root."""

    index: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Consistency:
    """That the log at an earlier size and root is the beginning of the log at this checkpoint."""

    size: int
    root: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The log as of the pack.

    Attributes:
        origin: the log's name.
        size: how many leaves it had.
        root: its Merkle root then.
        checkpoint_note: the signed and cosigned checkpoint (C2SP signed note) that says so.
        proofs: per statement, by the SHA-256 of its text in lower-case hexadecimal.
        consistency: from earlier checkpoints (the previous pack's, and daily ones) to this one.
    """

    origin: str
    size: int
    root: bytes
    checkpoint_note: str
    proofs: Mapping[str, Inclusion]
    consistency: tuple[Consistency, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """The period that the pack reports on: its label, and the half-open interval in UTC (`2026-01-01T05:00:00Z`)."""

    label: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as parsed; nothing in it is proven until it is compared with the files and the log.

    Attributes:
        pack_id: the pack's name and version.
        period: what it reports on.
        facts: further facts by name, as text: digests of definitions, scope, code commit, lock.
        files: what belongs to the pack, by path.
        ledger: the log as of the pack, or None where there is none.
    """

    pack_id: str
    period: Period
    facts: Mapping[str, str]
    files: Mapping[str, NamedFile]
    ledger: Ledger | None


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in `data`.

    Raises:
        FormatError: not canonical JSON, a member is missing, unknown or of the wrong kind, or a path is unsafe.
    """
    raw = strict_json.parse(data, "the manifest")
    strict_json.require_canonical(raw, data, "the manifest")
    value = strict_json.members(raw, "the manifest", _PACK)
    _require_format(value, FORMAT, "the manifest")
    return Manifest(
        pack_id=_text(value, "pack_id"),
        period=_period(value["period"]),
        facts=_facts(value["facts"]),
        files=_files(value["files"]),
        ledger=None if value["ledger"] is None else _ledger(value["ledger"]),
    )


def parse_statements(data: bytes) -> tuple[bytes, ...]:
    """The log's statements in the attachment `ledger.json`, each as the exact bytes that were logged.

    Raises:
        FormatError: the attachment is not in its format.
    """
    what = "the attachment ledger.json"
    raw = strict_json.parse(data, what)
    strict_json.require_canonical(raw, data, what)
    value = strict_json.members(raw, what, frozenset({"format", "statements"}))
    _require_format(value, STATEMENTS_FORMAT, what)
    return tuple(_encoded(text, what) for text in _list(value, "statements"))


def _encoded(text: Any, what: str) -> bytes:
    if not isinstance(text, str):
        raise FormatError(f"{what} holds a statement that is not text")
    return text.encode("utf-8", "surrogatepass")


def _period(raw: Any) -> Period:
    value = strict_json.members(raw, "the manifest's period", frozenset({"label", "from", "to"}))
    period = Period(_text(value, "label"), _text(value, "from"), _text(value, "to"))
    for name, time in (("from", period.start), ("to", period.end)):
        if not _TIME.fullmatch(time):
            raise FormatError(f"the manifest's period has {name} {time!r}, expected a time like 2026-01-01T05:00:00Z")
    if period.start >= period.end:
        raise FormatError(f"the manifest's period ends at {period.end}, not after its start {period.start}")
    return period


def _facts(raw: Any) -> dict[str, str]:
    if not isinstance(raw, dict):
        raise FormatError("the manifest's facts are not an object")
    return {name: _text(raw, name) for name in raw}


def _files(raw: Any) -> dict[str, NamedFile]:
    if not isinstance(raw, list):
        raise FormatError("the manifest's files are not a list")
    files = [_file(entry) for entry in raw]
    paths = [file.path for file in files]
    if paths != sorted(set(paths)):
        raise FormatError("the manifest's files are repeated or not in order of their paths")
    return {file.path: file for file in files}


def _file(raw: Any) -> NamedFile:
    value = strict_json.members(raw, "a file of the manifest", _FILE)
    path = _text(value, "path")
    if not _PATH.fullmatch(path):
        raise FormatError(f"the manifest names the path {path!r}, which is not a plain relative path")
    if path == MANIFEST_NAME:
        raise FormatError("the manifest names itself")
    embedded = value["embedded"]
    if not isinstance(embedded, bool):
        raise FormatError(f"the manifest does not say whether {path} is embedded")
    return NamedFile(path, _text(value, "role"), _count(value, "bytes"), _hash(value["sha256"], path).hex(), embedded)


def _ledger(raw: Any) -> Ledger:
    value = strict_json.members(raw, "the manifest's ledger", _LEDGER)
    proofs = value["proofs"]
    if not isinstance(proofs, dict):
        raise FormatError("the ledger's proofs are not an object")
    return Ledger(
        origin=_text(value, "origin"),
        size=_count(value, "size"),
        root=_hash(value["root"], "the ledger's root"),
        checkpoint_note=_text(value, "checkpoint_note"),
        proofs={_hash(name, "a statement").hex(): _inclusion(proof) for name, proof in proofs.items()},
        consistency=tuple(_consistency(entry) for entry in _list(value, "consistency")),
    )


def _inclusion(raw: Any) -> Inclusion:
    value = strict_json.members(raw, "an inclusion proof", frozenset({"index", "proof"}))
    return Inclusion(_count(value, "index"), _path(value))


def _consistency(raw: Any) -> Consistency:
    value = strict_json.members(raw, "a consistency proof", frozenset({"size", "root", "proof"}))
    return Consistency(_count(value, "size"), _hash(value["root"], "an earlier root"), _path(value))


def _path(value: dict[str, Any]) -> tuple[bytes, ...]:
    return tuple(_hash(entry, "a proof") for entry in _list(value, "proof"))


def _require_format(value: dict[str, Any], expected: str, what: str) -> None:
    if value["format"] != expected:
        raise FormatError(f"{what} has format {value['format']!r}, this verifier reads {expected!r}")


def _list(value: dict[str, Any], name: str) -> list[Any]:
    entries: Any = value[name]
    if not isinstance(entries, list):
        raise FormatError(f"{name} is not a list")
    return entries


def _text(value: dict[str, Any], name: str) -> str:
    text: Any = value[name]
    if not isinstance(text, str) or not text:
        raise FormatError(f"{name} is not a text, or empty")
    return text


def _count(value: dict[str, Any], name: str) -> int:
    number: Any = value[name]
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise FormatError(f"{name} is not a count")
    return number


def _hash(value: Any, what: str) -> bytes:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise FormatError(f"{what}: {str(value)[:80]!r} is not a SHA-256 in lower-case hexadecimal")
    return bytes.fromhex(value)
