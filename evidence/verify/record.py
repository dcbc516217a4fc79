"""Verify that one record was received: record → capture → receipt → log, without its neighbours.

- The record's text leads by its path to the root over its capture's records; that root, with the capture's digest and
  count, leads by the second path to the root in the receipt; the receipt is a leaf of the log, under a checkpoint that
  the log's key signed and the witnesses of the trust file cosigned.
- It shows that these very bytes were received and logged as that record of that capture. It says nothing of what other
  records there were, nor of whether the source told the truth.

docs/record-proof.md is the reference of the format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evidence.verify import strict_json
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.formats.merkle import leaf_hash, root_from_path, verify_inclusion
from evidence.verify.formats.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evidence.verify.formats.policy import Accepted
    from evidence.verify.trust import Trust

FORMAT = "evidence-record-proof/1"

_MEMBERS = frozenset({"format", "record", "capture", "receipt", "log"})
_CAPTURE = frozenset({"sha256", "number", "count", "path", "position", "captures", "captures_path"})
_HASH = re.compile(r"[0-9a-f]{64}")
_LONGEST = 63  # hashes in a path


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof shows.

    Attributes:
        record: the record's exact text.
        capture: SHA-256 of the capture that holds it.
        number: which record of the capture it is, from 0, of `count`.
        count: records in the capture.
        receipt: the statement of the log that says how the capture came: stream, window, time of asking, collector.
        accepted: the checkpoint that it is under, the log's key, and who cosigned it when.
    """

    record: str
    capture: str
    number: int
    count: int
    receipt: Mapping[str, Any]
    accepted: Accepted


def verify_record(data: bytes, trust: Trust) -> Proven:
    """Check the proof in `data` against the auditor's own keys.

    Raises:
        FormatError: it is no proof.
        ProofError: it does not hold, or the trust file does not vouch for the log or enough of its witnesses.
    """
    raw = strict_json.parse(data, "the proof")
    strict_json.require_canonical(raw, data, "the proof")
    value = strict_json.members(raw, "the proof", _MEMBERS)
    if value["format"] != FORMAT:
        raise FormatError(f"the proof has format {value['format']!r}, this verifier reads {FORMAT!r}")
    record, receipt = _text(value, "record"), _text(value, "receipt")
    place = strict_json.members(value["capture"], "the proof's capture", _CAPTURE)
    number, count, capture = _count(place, "number"), _count(place, "count"), _hash(place["sha256"]).hex()
    root = root_from_path(leaf_hash(record), number, _within(number, count), _path(place, "path"))
    leaf = leaf_hash(strict_json.encode({"capture": capture, "count": count, "root": root.hex()}))
    said = _said(receipt)
    captures = _count(place, "captures")
    if captures != said["records"]["captures"]:
        raise ProofError(f"the proof is over {captures} captures, the receipt over {said['records']['captures']}")
    expected = _hash(said["records"]["root"])
    verify_inclusion(leaf, _count(place, "position"), captures, _path(place, "captures_path"), expected)
    accepted = Proof.parse(_text(value, "log").decode()).verify(receipt, trust.policy(with_witnesses=True))
    _refuse_revoked(accepted, trust)
    return Proven(record.decode(), capture, number, count, said, accepted)


def _refuse_revoked(accepted: Accepted, trust: Trust) -> None:
    """A revoked log key counts where as many witnesses as are asked for say that the checkpoint is older."""
    times = sorted(accepted.witnesses.values())
    by = times[trust.witness_quorum - 1] if 0 < trust.witness_quorum <= len(times) else None
    for one in trust.revoked:
        if one.key == accepted.log.vkey and (by is None or by >= one.since):
            raise ProofError(f"the log's key was revoked as of {one.since:%Y-%m-%d}: no quorum says that this is older")


def _said(receipt: bytes) -> dict[str, Any]:
    value = strict_json.parse(receipt, "the receipt")
    if not isinstance(value, dict) or value.get("kind") != "receipt" or not isinstance(value.get("records"), dict):
        raise FormatError("the proof's receipt is no receipt with a root over records")
    strict_json.members(value["records"], "the receipt's records", frozenset({"captures", "count", "root"}))
    return value


def _within(number: int, count: int) -> int:
    if number >= count:
        raise FormatError(f"record {number} is outside a capture of {count}")
    return count


def _path(value: dict[str, Any], name: str) -> list[bytes]:
    entries = value[name]
    if not isinstance(entries, list) or len(entries) > _LONGEST:
        raise FormatError(f"{name} is no list of at most {_LONGEST} hashes")
    return [_hash(entry) for entry in entries]


def _hash(value: Any) -> bytes:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise FormatError(f"{str(value)[:80]!r} is not a SHA-256 in lower-case hexadecimal")
    return bytes.fromhex(value)


def _text(value: dict[str, Any], name: str) -> bytes:
    text = value[name]
    if not isinstance(text, str) or not text:
        raise FormatError(f"{name} is not a text, or empty")
    return text.encode()


def _count(value: dict[str, Any], name: str) -> int:
    number: Any = value[name]
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise FormatError(f"{name} is not a count")
    return number
