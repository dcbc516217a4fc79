"""Publish a checkpoint so that others hold it: sign, have it cosigned, have it timestamped, copy it away.

- The order is: sign, ask every witness that has not cosigned yet, ask the timestamp authority, copy what came of it.
- Whoever does not answer is named in the result, and the checkpoint stands all the same: it is reported as what it is
  (`standing`), never passed over, and the next call asks again.
- A witness that refuses the checkpoint as a fork is an `IntegrityError`: nothing goes on then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asn1crypto import cms

from evidence.errors import EvidenceError, IntegrityError
from evidence.ledger.heads import read
from evidence.ledger.keys import log_key
from evidence.ledger.timestamps import keep_timestamp, request_timestamp, timestamp_of
from evidence.ledger.witness_http import collect
from evidence.verify.formats import notes
from evidence.verify.formats.cosignature import WitnessKey, cosigned_at
from evidence.verify.formats.errors import FormatError, ProofError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from evidence.ledger.copies import Copies
    from evidence.ledger.keys import Signer
    from evidence.ledger.log import Log
    from evidence.stores.base import Store

STALE_HOURS = 26
"""A checkpoint a day, and two hours for the day that was long."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Who is asked to hold a log to its checkpoints.

    Attributes:
        witnesses: their keys, by URL.
        quorum: how many must have cosigned.
        authority: URL of an RFC 3161 authority, or None.
        copies: where checkpoints are copied to, or None.
    """

    witnesses: Mapping[str, WitnessKey] = field(default_factory=dict)
    quorum: int = 0
    authority: str | None = None
    copies: Copies | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How well a log is held by others.

    Attributes:
        size: statements in the log.
        covered: statements under its latest checkpoint.
        witnesses: who cosigned that checkpoint, and when.
        timestamp: when an authority stamped it, as its token says.
        problems: what was promised by the configuration and is not so.
        remarks: what is not configured, and what that leaves open.
    """

    size: int
    covered: int
    witnesses: Mapping[str, datetime]
    timestamp: datetime | None
    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def anchor(log: Log, store: Store, signer: Signer, anchors: Anchors, *, now: datetime) -> dict[str, str]:
    """Sign a checkpoint of `log` as it is and publish it; per address that did not do its part, why.

    Args:
        log: the log, in `store`.
        store: where timestamps are kept beside the checkpoints.
        signer: the log's key.
        anchors: who is asked.
        now: what the log says the time is.

    Raises:
        IntegrityError: the log does not extend its last checkpoint, or a witness refuses it as a fork.
    """
    log.checkpoint(signer, now)
    note = _latest(log)
    cosigned = cosignatures(note, anchors.witnesses)
    failed = collect(log, {url: key for url, key in anchors.witnesses.items() if key.name not in cosigned})
    note = _latest(log)
    token = timestamp_of(store, note)
    if token is None and anchors.authority is not None:
        try:
            token = request_timestamp(read(note)[0].text, anchors.authority)
            keep_timestamp(store, note, token, log.retain_until)
        except EvidenceError as error:
            failed[anchors.authority] = str(error)
    if anchors.copies is not None:
        failed |= anchors.copies.push(note, token)
    return failed


def _latest(log: Log) -> bytes:
    note = log.latest()
    if note is None:
        raise IntegrityError(f"the log {log.origin} has no checkpoint right after one was signed")
    return note


def cosignatures(note: bytes, witnesses: Mapping[str, WitnessKey]) -> dict[str, datetime]:
    """Which of `witnesses` cosigned the checkpoint `note`, by name, and when."""
    try:
        _, verified = notes.open_note(note, list(witnesses.values()))
    except ProofError:
        return {}  # none of them
    return {key.name: cosigned_at(signature) for key, signature in verified.items()}


def standing(log: Log, store: Store, key: Signer, anchors: Anchors, *, now: datetime) -> Standing:
    """How the log stands now, from what the store holds; asks nobody."""
    note = log.latest()
    if note is None:
        problem = f"the log of {log.size} statements has no checkpoint: nobody holds it to anything"
        return Standing(log.size, 0, {}, None, (problem,), tuple(_remarks(anchors)))
    covered = read(note)[1].size
    cosigned = cosignatures(note, anchors.witnesses)
    token = timestamp_of(store, note)
    stamped = _stamped_at(token) if token is not None else None
    problems = [
        *_unsigned(note, key),
        *_uncovered(log.size - covered, covered),
        *_unwitnessed(cosigned, anchors),
        *_stale([*cosigned.values(), *filter(None, [stamped or log.signed_at])], now),
    ]
    if anchors.authority and stamped is None:
        problems.append(f"the checkpoint of size {covered} carries no timestamp of {anchors.authority}")
    return Standing(log.size, covered, cosigned, stamped, tuple(problems), tuple(_remarks(anchors)))


def _unsigned(note: bytes, key: Signer) -> Iterator[str]:
    try:
        notes.open_note(note, [log_key(key)])
    except (FormatError, ProofError) as error:
        yield f"the latest checkpoint is not signed by the log's key: {error}"


def _uncovered(missing: int, covered: int) -> Iterator[str]:
    if missing:
        yield f"{missing} statements since the checkpoint of size {covered} are under no checkpoint"


def _unwitnessed(cosigned: Mapping[str, datetime], anchors: Anchors) -> Iterator[str]:
    if len(cosigned) < anchors.quorum:
        missing = [key.name for key in anchors.witnesses.values() if key.name not in cosigned]
        yield f"{len(cosigned)} witnesses cosigned, {anchors.quorum} are asked for; missing: {', '.join(missing)}"


def _stale(times: list[datetime], now: datetime) -> Iterator[str]:
    if not times:
        yield "nobody says when the latest checkpoint was signed"
    elif (age := (now - max(times)).total_seconds() / 3600) > STALE_HOURS:
        yield f"the latest checkpoint is {age:.0f} hours old, one is due every day"


def _remarks(anchors: Anchors) -> Iterator[str]:
    if not anchors.quorum:
        yield "no quorum of witnesses is configured: whoever holds the log's key could rewrite it between two packs"
    if not anchors.authority:
        yield "no timestamp authority is configured: no time in the log is proven by it"
    if anchors.copies is None:
        yield "no place for copies of checkpoints is configured"


def _stamped_at(token: bytes) -> datetime:
    content = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
    stated: datetime = content["gen_time"].native
    return stated
