"""The ledger as a pack carries it: a fresh checkpoint, every statement with its proof, and what came before.

- Before the pack is made its checkpoint is witnessed, timestamped and copied; what is missing is printed in the pack.
- Proofs lead to it from the checkpoint of every earlier pack and from those of the last days, so that an auditor who
  holds any of them can compare without asking us.
- Earlier checkpoints that others cosigned or stamped are attached (`anchors.json`): they bound every time in the log.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evidence.canonical import canonical, sha256
from evidence.ledger.heads import read
from evidence.ledger.timestamps import timestamp_of
from evidence.verify.anchors import ANCHORS_NAME, FORMAT, parse_anchors
from evidence.verify.formats.proof import Proof
from evidence.verify.manifest import Consistency, Inclusion, Ledger
from reports.pack.manifest import PackFile
from warehouse.checkpoints import checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from evidence.ledger.anchoring import Standing
    from evidence.ledger.log import Log
    from evidence.stores.base import Store
    from warehouse.home import Home

RECENT = 130
"""Checkpoints that a pack carries proofs from: a day's each, a quarter and the time in which evidence may be late."""


@dataclass(frozen=True, slots=True)
class PackLog:
    """What a pack takes from the ledger.

    Attributes:
        ledger: the manifest's part: checkpoint, proofs, consistency.
        statements: every statement of the log, in order.
        anchors: the attachment of earlier checkpoints.
        standing: how the log stands under its checkpoint.
        problems: what is not as configured, witnesses and authority that did not answer included.
    """

    ledger: Ledger
    statements: tuple[bytes, ...]
    anchors: PackFile
    standing: Standing
    problems: tuple[str, ...]


def pack_log(home: Home, packs: Path, *, now: datetime) -> PackLog:
    """The home's ledger as of now, under a checkpoint made for this pack.

    Raises:
        IntegrityError: a witness refuses that checkpoint as a fork: no pack is made then.
    """
    done = checkpoint(home, now=now)
    log, note = home.log, home.log.latest() or b""
    size = read(note)[1].size
    statements = tuple(log.entries(0, size))
    heads = _heads(log)
    earlier = _earlier(heads, packs, size)
    ledger = Ledger(
        origin=log.origin,
        size=size,
        root=log.root(),
        checkpoint_note=note.decode(),
        proofs={sha256(text): _inclusion(log, index) for index, text in enumerate(statements)},
        consistency=tuple(Consistency(old, root, tuple(log.consistency(old, size))) for old, root in earlier),
    )
    anchors = _anchors(home.store, [heads[old] for old in [*dict(earlier), size] if old in heads])
    return PackLog(ledger, statements, anchors, done.standing, done.problems)


def _heads(log: Log) -> dict[int, bytes]:
    """Per size the checkpoint with the most signatures."""
    found: dict[int, bytes] = {}
    for note in log.checkpoints():
        size = read(note)[1].size
        if size not in found or len(read(found[size])[0].signatures) < len(read(note)[0].signatures):
            found[size] = note
    return found


def _earlier(heads: Mapping[int, bytes], packs: Path, size: int) -> list[tuple[int, bytes]]:
    """Sizes and roots to prove consistency from: those of earlier packs, and of the last days' checkpoints."""
    records = [json.loads(path.read_bytes()) for path in packs.glob("SOX-*.json")]
    found = {int(r["log_size"]): bytes.fromhex(r["log_root"]) for r in records if "log_size" in r}
    recent = sorted(old for old in heads if 0 < old < size)[-RECENT:]
    found |= {old: read(heads[old])[1].root for old in recent}
    return sorted((old, root) for old, root in found.items() if 0 < old < size)


def _inclusion(log: Log, index: int) -> Inclusion:
    proof = Proof.parse(log.inclusion(index))
    return Inclusion(index, tuple(proof.path))


def _anchors(store: Store, notes: Iterable[bytes]) -> PackFile:
    """The attachment: what was signed by the log alone anchors nothing and is left out."""
    listed = []
    for note in notes:
        token = timestamp_of(store, note)
        if token is not None or len(read(note)[0].signatures) > 1:
            encoded = None if token is None else base64.b64encode(token).decode()
            listed.append({"note": note.decode(), "timestamp": encoded})
    data = canonical({"format": FORMAT, "checkpoints": listed})
    parse_anchors(data)
    return PackFile(ANCHORS_NAME, data, "anchors", embedded=True)
