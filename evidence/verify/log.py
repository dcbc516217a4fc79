"""The evidence log in a pack: its checkpoint, its statements' places, and that it only ever grew.

- Each statement in `ledger.json` must hash to a name in the manifest, and stand at its index below the root.
- The checkpoint counts only if a log key of the trust file signed it, and a quorum of its witnesses cosigned it.
- A checkpoint that the auditor holds from elsewhere (the previous pack's, yesterday's mail) must be a beginning of this
  one. The same size with another root is a fork, and fails; a size for which the pack carries no proof is not checked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evidence.verify.formats import notes
from evidence.verify.formats.checkpoint import Checkpoint
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.formats.merkle import leaf_hash, verify_consistency, verify_inclusion
from evidence.verify.report import Check, Name, failed, not_checked, passed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evidence.verify.manifest import Ledger
    from evidence.verify.trust import Trust


@dataclass(frozen=True, slots=True)
class Head:
    """A log's size and root at some time, from a source that is compared with the pack's own."""

    origin: str
    size: int
    root: bytes


def check_log(ledger: Ledger | None, statements: tuple[bytes, ...] | None, trust: Trust | None) -> Iterator[Check]:
    """The pack's own log checks; `statements` is None if the pack attaches none."""
    if ledger is None:
        yield _without_log(trust)
        return
    yield _statements(ledger, statements or ())
    yield from _checkpoint(ledger, trust)
    yield _inclusion(ledger, statements or ())
    yield _consistency(ledger)


def check_extends(name: Name, held: Head, ledger: Ledger | None) -> Check:
    """Whether the pack's log only appends to `held`."""
    if ledger is None:
        return failed(name, "this pack carries no log, and so cannot continue one")
    if held.origin != ledger.origin:
        return failed(name, f"it is of the log {held.origin!r}, this pack's is {ledger.origin!r}")
    sizes = f"size {held.size:,} → {ledger.size:,}"
    if held.size > ledger.size:
        return not_checked(name, f"{sizes}: it is newer than this pack; ask the log for a proof between the two")
    proof = _proof_from(held, ledger)
    if proof is None:
        return not_checked(name, f"{sizes}: this pack carries no proof from that size; ask the log for one")
    try:
        verify_consistency((held.size, held.root), (ledger.size, ledger.root), proof)
    except ProofError as error:
        return failed(name, f"{sizes}: the log was rewritten: {error}")
    return passed(name, f"{sizes}: only appended to")


def _proof_from(held: Head, ledger: Ledger) -> tuple[bytes, ...] | None:
    """The hash path from the size of `held`; the same size needs none, for the roots themselves are compared."""
    if held.size == ledger.size:
        return ()
    return next((old.proof for old in ledger.consistency if old.size == held.size), None)


def read_head(note: bytes, trust: Trust | None) -> Head:
    """The head that a checkpoint file states, believed as far as `trust` allows.

    Raises:
        FormatError: it is no checkpoint.
        ProofError: the trust file names log keys and none of them signed it.
    """
    checkpoint = (
        trust.policy(with_witnesses=False).accept(note).checkpoint
        if trust is not None and trust.log_vkeys
        else Checkpoint.parse(notes.parse(note).text)
    )
    return Head(checkpoint.origin, checkpoint.size, checkpoint.root)


def _without_log(trust: Trust | None) -> Check:
    if trust is not None and trust.log_vkeys:
        return failed(Name.CHECKPOINT, "the trust file names a log, and this pack carries nothing from it")
    return not_checked(Name.CHECKPOINT, "this pack carries no log: that nothing was rewritten before it is not shown")


def _statements(ledger: Ledger, statements: tuple[bytes, ...]) -> Check:
    digests = [hashlib.sha256(statement).hexdigest() for statement in statements]
    missing, unnamed = ledger.proofs.keys() - set(digests), set(digests) - ledger.proofs.keys()
    if missing or unnamed or len(digests) != len(set(digests)):
        return failed(
            Name.STATEMENTS,
            f"{len(missing)} named but absent or altered, {len(unnamed)} present but without a proof, "
            f"{len(digests) - len(set(digests))} repeated",
        )
    return passed(Name.STATEMENTS, f"{len(digests):,} statements, each with a proof")


def _checkpoint(ledger: Ledger, trust: Trust | None) -> Iterator[Check]:
    note = ledger.checkpoint_note.encode("utf-8", "surrogatepass")
    try:
        head = Checkpoint.parse(notes.parse(note).text)
    except FormatError as error:
        yield failed(Name.CHECKPOINT, f"no checkpoint: {error}")
        return
    if (head.origin, head.size, head.root) != (ledger.origin, ledger.size, ledger.root):
        yield failed(Name.CHECKPOINT, "the checkpoint has another origin, size or root than the manifest")
        return
    if trust is None or not trust.log_vkeys:
        yield not_checked(Name.CHECKPOINT, "agrees with the manifest; the trust file names no key of the log")
        return
    try:
        accepted = trust.policy(with_witnesses=False).accept(note)
    except (FormatError, ProofError) as error:
        yield failed(Name.CHECKPOINT, str(error))
        return
    yield passed(Name.CHECKPOINT, f"{head.origin}, {head.size:,} leaves, signed by the log's key {accepted.log.name}")
    yield _witnesses(trust, accepted.witnesses)


def _witnesses(trust: Trust, cosigned: Iterable[str]) -> Check:
    names = sorted(cosigned)
    told = f"{len(names)} of {len(trust.witness_vkeys)} cosigned ({', '.join(names) or 'none'})"
    if trust.witness_quorum == 0:
        return not_checked(Name.WITNESSES, f"{told}; the trust file asks for none: the log's own key could fork it")
    if len(names) < trust.witness_quorum:
        return failed(Name.WITNESSES, f"{told}, the trust file asks for {trust.witness_quorum}")
    return passed(Name.WITNESSES, f"{told}, {trust.witness_quorum} asked for")


def _inclusion(ledger: Ledger, statements: tuple[bytes, ...]) -> Check:
    for statement in statements:
        name = hashlib.sha256(statement).hexdigest()
        place = ledger.proofs.get(name)
        if place is None:
            return failed(Name.INCLUSION, f"statement {name} has no proof")
        try:
            verify_inclusion(leaf_hash(statement), place.index, ledger.size, place.proof, ledger.root)
        except ProofError as error:
            return failed(Name.INCLUSION, f"statement {name}: {error}")
    return passed(Name.INCLUSION, f"{len(statements):,} statements are leaves of the log")


def _consistency(ledger: Ledger) -> Check:
    for old in ledger.consistency:
        try:
            verify_consistency((old.size, old.root), (ledger.size, ledger.root), old.proof)
        except ProofError as error:
            return failed(Name.CONSISTENCY, f"from size {old.size:,}: {error}")
    if not ledger.consistency:
        return not_checked(Name.CONSISTENCY, "the pack carries no proof from an earlier checkpoint")
    return passed(Name.CONSISTENCY, f"{len(ledger.consistency)} earlier checkpoints are beginnings of this log")
