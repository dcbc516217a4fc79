"""Build tables anew from captures that somebody else holds, in an empty place.

- Only the receipts that the caller names count, whatever else the locker holds by now.
- Nothing is written to that locker.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from evidence.custody import Custody
from evidence.errors import EvidenceError
from warehouse.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evidence.custody import Receipt
    from evidence.stores.base import Store

_READER = {"name": "replay", "version": "1", "commit": "-"}


class NamedReceipts(Custody):
    """A locker of which only some receipts count: those whose digests are in `names`."""

    def __init__(self, store: Store, names: frozenset[str]) -> None:
        super().__init__(store, collector=_READER)
        self._names = names

    def receipts(self, stream: str | None = None) -> list[Receipt]:
        """Receipts of one stream or of all that are among the named, in the order of their keys."""
        return [receipt for receipt in super().receipts(stream) if receipt.sha256 in self._names]


@dataclass(frozen=True)
class ReplayedHome(Home):
    """An empty home over the captures of `locker`."""

    locker: Custody | None = None

    @cached_property
    def custody(self) -> Custody:
        """The locker that was handed over."""
        return super().custody if self.locker is None else self.locker


@dataclass(frozen=True, slots=True)
class Reread:
    """What reading every byte behind some receipts again found.

    Attributes:
        receipts: of those named, how many the locker holds.
        captures: how many captures they count, each once.
        missing: digests of named receipts that the locker does not hold.
        problems: what is missing or altered below the receipts, in words.
    """

    receipts: int
    captures: int
    missing: tuple[str, ...]
    problems: tuple[str, ...]


def reread(locker: Custody, names: frozenset[str]) -> Reread:
    """Compare every receipt, index and capture with its digest, before anything is built on them."""
    found = locker.receipts()
    seen: set[str] = set()
    problems: list[str] = []
    for receipt in found:
        problems += unsound(locker, receipt, seen)
    missing = sorted(names - {receipt.sha256 for receipt in found})
    return Reread(len(found), len(seen), tuple(missing), tuple(problems))


def unsound(locker: Custody, receipt: Receipt, seen: set[str]) -> Iterator[str]:
    """What is wrong below one receipt; captures that are `seen` are not read again."""
    try:
        sightings = list(locker.sightings(receipt))
    except (EvidenceError, ValueError, TypeError) as error:
        yield f"the index of {receipt.key}: {error}"
        return
    for capture in sorted({sighting.capture for sighting in sightings} - seen):
        seen.add(capture)
        try:
            locker.check(capture)
        except EvidenceError as error:
            yield f"{receipt.key}: {error}"
