"""What the log in a pack says about collecting: anchored times, keys, definitions, the plan, the times of asking.

Looked at only where the log itself holds: statements that are not proven to be in it say nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from evidence.verify.anchors import Anchors, Held, check_anchors, parse_anchors
from evidence.verify.definitions import check_definitions, read_definitions
from evidence.verify.formats.errors import FormatError
from evidence.verify.keyring import NOBODY, Signing, check_keys, read_key_events
from evidence.verify.report import Check, Name, Result, failed, not_checked
from evidence.verify.windows import check_plan, check_times, read_statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evidence.verify.manifest import Manifest
    from evidence.verify.trust import Trust


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What helps to judge a pack and is not of it.

    Attributes:
        trust: the auditor's trust file.
        held: checkpoints of the same log that came by another way: the previous pack's, the auditor's own.
        issued: when the pack was signed, proven or claimed.
        signing: by which certificate, and when if that is proven.
    """

    trust: Trust | None
    held: tuple[Held, ...] = ()
    issued: datetime | None = None
    signing: Signing = NOBODY


def check_collection(
    manifest: Manifest, log: Sequence[Check], statements: Sequence[bytes], anchors: bytes | None, elsewhere: Elsewhere
) -> Iterator[Check]:
    """The five checks, or why they cannot be made.

    Args:
        manifest: the pack's manifest, with a ledger.
        log: the checks of that ledger.
        statements: the attached statements.
        anchors: the attachment `anchors.json`, or None.
        elsewhere: what is known from elsewhere.
    """
    ledger = manifest.ledger
    if ledger is None or any(check.result is Result.FAILED for check in log):
        for name in (Name.ANCHORS, Name.KEYS, Name.DEFINITIONS, Name.PLAN, Name.TIMES):
            yield not_checked(name, "the log in this pack does not hold")
        return
    try:
        attached = () if anchors is None else parse_anchors(anchors)
        indexes = [ledger.proofs[hashlib.sha256(text).hexdigest()].index for text in statements]
        told = read_statements(statements, indexes, ledger.size)
        keys = read_key_events(statements, indexes)
        definitions = read_definitions(statements, indexes)
    except FormatError as error:
        yield failed(Name.ANCHORS, str(error))
        return
    check, found = check_anchors(ledger, attached, elsewhere.held, elsewhere.trust)
    yield check
    known = found if check.result is Result.OK else Anchors()
    note = ledger.checkpoint_note.encode("utf-8", "surrogatepass")
    yield check_keys(keys, note, ledger.size, elsewhere.signing, elsewhere.trust, known)
    yield check_definitions(definitions, manifest.facts, datetime.fromisoformat(manifest.period.start), known)
    yield check_plan(told, manifest.period, known, elsewhere.issued)
    yield check_times(told, known)
