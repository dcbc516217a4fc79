"""When things were in the log: checkpoints that a quorum of witnesses cosigned or an authority timestamped.

- A statement's own times are claims. What bounds them is the first anchored checkpoint that covers it (it was there by
  then), and the last anchored one that does not (it was not there yet).
- An anchor counts only if the pack proves that its tree is a beginning of the pack's own; one with another root is a
  fork, and fails.
- With a quorum of k witnesses a checkpoint is anchored at the k-th earliest of their times: no fewer than k would have
  to lie. An authority's timestamp anchors by itself; the earlier of the two counts.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evidence.verify import strict_json
from evidence.verify.formats import notes
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.report import Check, Name, failed, not_checked, passed
from evidence.verify.timestamps import stamped_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from evidence.verify.manifest import Ledger
    from evidence.verify.trust import Trust

FORMAT = "evidence-pack-anchors/1"
ANCHORS_NAME = "anchors.json"


@dataclass(frozen=True, slots=True)
class Held:
    """A checkpoint as it is handed over: its signed note, and a timestamp token over its text if there is one."""

    note: bytes
    token: bytes | None = None


@dataclass(frozen=True, slots=True)
class Anchors:
    """Proven pairs of a log's size and a time by which it had that size, ascending by size."""

    proven: tuple[tuple[int, datetime], ...] = ()

    def by(self, index: int) -> datetime | None:
        """By when the statement at `index` was in the log; None if nobody says."""
        return min((at for size, at in self.proven if size > index), default=None)

    def not_before(self, index: int) -> datetime | None:
        """When the statement at `index` was not in the log yet; None if nobody says."""
        return max((at for size, at in self.proven if size <= index), default=None)


def parse_anchors(data: bytes) -> tuple[Held, ...]:
    """The checkpoints in the attachment `anchors.json`; `FormatError` if it is not in its format."""
    what = "the attachment anchors.json"
    raw = strict_json.parse(data, what)
    strict_json.require_canonical(raw, data, what)
    value = strict_json.members(raw, what, frozenset({"format", "checkpoints"}))
    if value["format"] != FORMAT or not isinstance(value["checkpoints"], list):
        raise FormatError(f"{what} has format {value['format']!r}, this verifier reads {FORMAT!r}")
    return tuple(_held(entry, what) for entry in value["checkpoints"])


def check_anchors(
    ledger: Ledger, attached: Iterable[Held], elsewhere: Iterable[Held], trust: Trust | None
) -> tuple[Check, Anchors]:
    """Which checkpoints prove a time: the pack's own, those `attached` to it, and some from `elsewhere`.

    What is attached must hold; what came from elsewhere has checks of its own, and only helps here if it holds.
    """
    roots = {ledger.size: ledger.root, **{old.size: old.root for old in ledger.consistency}}
    own = Held(ledger.checkpoint_note.encode("utf-8", "surrogatepass"))
    proven: list[tuple[int, datetime]] = []
    if trust is None or not trust.log_vkeys:
        return not_checked(Name.ANCHORS, "the trust file names no key of the log"), Anchors()
    strict = (own, *attached)
    for one in (*strict, *elsewhere):
        try:
            found = _proven(one, roots, trust)
        except (FormatError, ProofError) as error:
            if not any(one is other for other in strict):
                continue
            return failed(Name.ANCHORS, f"an earlier checkpoint does not hold: {error}"), Anchors()
        proven += [found] if found else []
    if not proven:
        return not_checked(
            Name.ANCHORS, "no checkpoint has a witness quorum or a timestamp: every time in the log is its own claim"
        ), Anchors()
    anchors = Anchors(tuple(sorted(proven)))
    times = sorted(at for _, at in proven)
    return passed(
        Name.ANCHORS, f"{len(proven)} checkpoints between {times[0]:%Y-%m-%d %H:%MZ} and {times[-1]:%Y-%m-%d %H:%MZ}"
    ), anchors


def _proven(one: Held, roots: dict[int, bytes], trust: Trust) -> tuple[int, datetime] | None:
    accepted = trust.policy(with_witnesses=False).accept(one.note)
    head = accepted.checkpoint
    if head.size not in roots:
        raise ProofError(f"the pack carries no proof from its size {head.size:,}")
    if head.root != roots[head.size]:
        raise ProofError(f"that of size {head.size:,} has another root than the pack proves: the log was forked")
    times = _cosigned(list(accepted.witnesses.values()), trust.witness_quorum)
    if one.token is not None and trust.timestamp_roots:
        times.append(stamped_at(one.token, notes.parse(one.note).text, trust.timestamp_roots))
    return (head.size, min(times)) if times else None


def _cosigned(times: Sequence[datetime], quorum: int) -> list[datetime]:
    return [sorted(times)[quorum - 1]] if 0 < quorum <= len(times) else []


def _held(entry: Any, what: str) -> Held:
    value = strict_json.members(entry, f"a checkpoint of {what}", frozenset({"note", "timestamp"}))
    note, token = value["note"], value["timestamp"]
    if not isinstance(note, str) or not (token is None or isinstance(token, str)):
        raise FormatError(f"a checkpoint of {what} is a note and a timestamp or null")
    try:
        return Held(
            note.encode("utf-8", "surrogatepass"), None if token is None else base64.b64decode(token, validate=True)
        )
    except binascii.Error as error:
        raise FormatError(f"a timestamp of {what} is not base64: {error}") from error
