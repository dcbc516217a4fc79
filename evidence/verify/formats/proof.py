"""Offline proofs of logging (c2sp.org/tlog-proof): index, Merkle path and a cosigned checkpoint in one text.

- Lines: `c2sp.org/tlog-proof@v1`, optionally `extra <base64>`, `index <n>`, the path's hashes, an empty line,
  and the signed checkpoint verbatim.
- The extra data is not authenticated: never trust it by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evidence.verify.formats import notes
from evidence.verify.formats.checkpoint import Checkpoint
from evidence.verify.formats.encoding import b64, decimal, from_b64, hash_from_b64
from evidence.verify.formats.errors import FormatError
from evidence.verify.formats.merkle import leaf_hash, verify_inclusion

if TYPE_CHECKING:
    from evidence.verify.formats.policy import Accepted, Policy

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PATH = 63  # hashes: a tree of 2^63 leaves is 63 levels high


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry stands at `index` of the tree that `checkpoint` (a signed note) heads."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> str:
        """The proof's text."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {b64(self.extra)}")
        lines += [f"index {self.index}", *map(b64, self.path), ""]
        return "".join(f"{line}\n" for line in lines) + self.checkpoint.decode()

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Read a proof; `FormatError` if it is malformed. Nothing is believed yet."""
        head, blank, checkpoint = text.partition("\n\n")
        header, *lines = head.split("\n")
        if header != HEADER or not blank:
            raise FormatError(f"a proof starts with the line {HEADER!r} and has an empty line before its checkpoint")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = from_b64(lines.pop(0).removeprefix("extra "), "extra data of a proof")
        if not lines or not lines[0].startswith("index "):
            raise FormatError("a proof states `index <n>` before its hashes")
        index = decimal(lines.pop(0).removeprefix("index "), "index of a proof")
        if len(lines) > MAX_PATH:
            raise FormatError(f"a proof of {len(lines)} hashes; a tree has at most {MAX_PATH} levels")
        path = tuple(hash_from_b64(line, "hash of a proof") for line in lines)
        note = notes.parse(checkpoint.encode())
        if index >= Checkpoint.parse(note.text).size:
            raise FormatError(f"index {index} is outside the tree of the proof's own checkpoint")
        return cls(index, path, checkpoint.encode(), extra)

    def verify(self, entry: bytes, policy: Policy) -> Accepted:
        """Check that `entry` is logged, by `policy`'s logs and quorum; `ProofError` if it is not."""
        return self.verify_leaf(leaf_hash(entry), policy)

    def verify_leaf(self, leaf: bytes, policy: Policy) -> Accepted:
        """`verify` for who holds the leaf hash alone."""
        accepted = policy.accept(self.checkpoint)
        head = accepted.checkpoint
        verify_inclusion(leaf, self.index, head.size, self.path, head.root)
        return accepted
