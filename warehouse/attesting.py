"""Read the evidence of a period again, and say of each batch whether it is as it was received and logged (EVD-02).

- A batch is one receipt with the captures that it counts. Every byte is read again: this takes as long as that does.
- The log is read again as a whole: tiles and checkpoints must follow from its statements.
- What this cannot say stays out: who else verified, and how the store locks objects that are mere files.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evidence.canonical import sha256
from evidence.capture import instant
from evidence.errors import IntegrityError
from evidence.ledger.heads import read
from warehouse.replay import unsound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evidence.custody import Receipt
    from evidence.periods import Period
    from warehouse.home import Home

STREAM = "evidence.manifests"


def attest(home: Home, period: Period) -> Iterator[dict[str, Any]]:
    """A record of the stream `evidence.manifests` per batch that was received in `period`.

    Args:
        home: whose evidence is read again.
        period: batches that were asked for in this stretch.

    Raises:
        IntegrityError: a receipt is none any more; the locker was edited.
    """
    home.log.refresh()
    whole = _log_is_whole(home)
    note = home.log.latest()
    signed = read(note)[1].size if note else 0
    places = {sha256(entry): place for place, entry in enumerate(home.log.entries(0, home.log.size))}
    for receipt in home.custody.receipts():
        if receipt.stream != STREAM and period.start <= receipt.asked_at < period.end:
            place = places.get(receipt.sha256)
            yield {
                "sha256": receipt.sha256, "created_at": instant(receipt.asked_at), "kind": "batch",
                "stream": receipt.stream, "rehash": sha256(home.store.get(receipt.key)),
                **_reread(home, receipt), "leaf": None if place is None else receipt.sha256,
                "included": whole and place is not None and place < signed, "consistent": whole,
                "lock": _lock(home, receipt),
            }  # fmt: skip


def _log_is_whole(home: Home) -> bool:
    with suppress(IntegrityError):
        home.log.verify()
        return True
    return False


def _reread(home: Home, receipt: Receipt) -> dict[str, Any]:
    """Whether every capture that the receipt counts has the bytes that were received, and what is wrong if not."""
    problem = next(unsound(home.custody, receipt, set()), None)
    return {"intact": True} if problem is None else {"intact": False, "problem": problem}


def _lock(home: Home, receipt: Receipt) -> dict[str, str]:
    """What the store says of the receipt's retention; a folder of files has no lock to name."""
    until = home.store.retention(receipt.key).until
    mode = {"mode": "COMPLIANCE"} if home.store.url.startswith("s3:") else {}
    return mode | ({"retain_until": instant(until)} if until else {})
