"""Single records provable: a Merkle root over the records of each capture, and one over the captures of a receipt.

- A leaf of a capture's tree is the exact text of a record; the position is the record's number. What could not be read
  as a record keeps its place, as an empty leaf.
- A leaf of a receipt's tree is `{"capture","count","root"}` in canonical JSON, one for each new body with records,
  in the order of arrival. The receipt, and so the ledger, holds that tree's root alone.
- Whoever is shown one record, the two paths and the receipt can check all of it and sees nothing of its neighbours but
  hashes. Those of records that could be guessed can be confirmed by guessing: do not hand them out lightly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from evidence.canonical import canonical
from evidence.verify.formats import merkle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from evidence.capture import Sighting


class RecordsOf(Protocol):
    """How bodies of a stream divide into records: injected, for that is the warehouse's knowledge."""

    def __call__(self, stream: str, *, imported: bool) -> Callable[[bytes], list[bytes]] | None:
        """A function that gives the texts of a body's records; None where none are to be provable."""
        ...


@dataclass(frozen=True, slots=True)
class CaptureRoot:
    """The root over one capture's records."""

    capture: str
    count: int
    root: bytes

    @property
    def leaf(self) -> bytes:
        """The leaf's hash in the receipt's tree."""
        return merkle.leaf_hash(canonical({"capture": self.capture, "count": self.count, "root": self.root.hex()}))


def leaves(texts: Iterable[bytes]) -> list[bytes]:
    """The leaf hashes of a capture's records."""
    return [merkle.leaf_hash(text) for text in texts]


def capture_root(capture: str, texts: Iterable[bytes]) -> CaptureRoot:
    """The root over the records of the capture of this digest."""
    hashes = leaves(texts)
    return CaptureRoot(capture, len(hashes), merkle.root(hashes))


def receipt_facts(roots: Sequence[CaptureRoot]) -> dict[str, Any]:
    """What a receipt says of them; nothing if there are none."""
    if not roots:
        return {}
    root = merkle.root([one.leaf for one in roots])
    return {"records": {"captures": len(roots), "count": sum(one.count for one in roots), "root": root.hex()}}


def holds_records(context: Mapping[str, Any], response: Mapping[str, Any]) -> bool:
    """Whether a body is one with records: no listing, none that the connector found unusable and asked for again."""
    return not context.get("_listing") and not response.get("unusable")


def captures_with_records(sightings: Iterable[Sighting]) -> list[str]:
    """The captures that a receipt has roots of, in the order of their leaves."""
    fresh = (s for s in sightings if not s.response.get("not_modified") and holds_records(s.context, s.response))
    return list(dict.fromkeys(sighting.capture for sighting in fresh))
