"""Prove one record: find the receipt that brought it, and put together the three paths that lead into the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evidence.canonical import canonical
from evidence.errors import ConfigError, IntegrityError
from evidence.record_roots import capture_root, captures_with_records, leaves, receipt_facts
from evidence.verify.formats import merkle
from evidence.verify.record import FORMAT
from warehouse.provable import texts_of

if TYPE_CHECKING:
    from evidence.custody import Receipt
    from warehouse.home import Home


def prove(home: Home, capture: str, number: int, *, stream: str | None = None) -> bytes:
    """The proof (docs/record-proof.md) that record `number` of the capture of this digest was received and logged.

    Args:
        home: whose record it is.
        capture: SHA-256 of the capture, as `evidence trace` and every table's column `capture` give it.
        number: as in the column `record`.
        stream: where to look; every stream if None.

    Raises:
        ConfigError: there is no such record, or it was received without record roots, or no checkpoint covers it.
        IntegrityError: the locker does not hold what the receipt says.
    """
    receipt = _receipt(home, capture, stream)
    texts = texts_of(receipt.stream)
    captures = captures_with_records(home.custody.sightings(receipt))
    divided = {digest: texts(home.custody.body(digest)) for digest in captures}
    roots = [capture_root(digest, divided[digest]) for digest in captures]
    if receipt_facts(roots).get("records") != receipt.body["records"]:
        raise IntegrityError(
            f"{receipt.key}: its captures give another root over their records than it states",
            next_step="Its captures are whole: another version of this product divided them. Prove with that version.",
        )
    records, position = divided[capture], captures.index(capture)
    if not 0 <= number < len(records) or not records[number]:
        raise ConfigError(f"capture {capture} has no readable record {number}; it has {len(records)}, from 0")
    place = {
        "sha256": capture, "number": number, "count": len(records),
        "path": [node.hex() for node in merkle.inclusion_path(leaves(records), number)],
        "position": position, "captures": len(roots),
        "captures_path": [node.hex() for node in merkle.inclusion_path([one.leaf for one in roots], position)],
    }  # fmt: skip
    statement = canonical(receipt.body)
    proof = {
        "format": FORMAT, "record": records[number].decode(), "capture": place, "receipt": statement.decode(),
        "log": home.log.inclusion(_index(home, receipt, statement)),
    }  # fmt: skip
    return canonical(proof)


def _receipt(home: Home, capture: str, stream: str | None) -> Receipt:
    """The first receipt that brought the capture as a new body, with roots over its records."""
    without = None
    for receipt in home.custody.receipts(stream):
        if capture in captures_with_records(home.custody.sightings(receipt)):
            if "records" in receipt.body:
                return receipt
            without = receipt
    if without is not None:
        raise ConfigError(
            f"{without.key} was received without record proofs",
            next_step="The capture as a whole is in the ledger; the setting `record_proofs` is for what comes later.",
        )
    raise ConfigError(f"no receipt{f' of {stream}' if stream else ''} brought the capture {capture} with records")


def _index(home: Home, receipt: Receipt, statement: bytes) -> int:
    home.log.refresh()
    found = home.log.find(statement)
    if found is None:
        raise ConfigError(
            f"{receipt.key} is not in the ledger yet", next_step="Run `evidence checkpoint` after the day's collection."
        )
    return found
