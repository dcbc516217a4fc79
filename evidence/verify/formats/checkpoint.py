"""Checkpoints (c2sp.org/tlog-checkpoint): a log's origin, size and root as the text of a signed note.

- Line 1 the origin, line 2 the size in decimal, line 3 the root hash in base64; then extension lines, if any.
- A checkpoint is believed only from `open_checkpoint`, which checks the log's signature and its origin.
"""

from __future__ import annotations

from dataclasses import dataclass

from evidence.verify.formats.encoding import b64, decimal, hash_from_b64
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.formats.notes import Ed25519Key, open_note

MAX_SIZE = 2**63 - 1
"""The largest tree that is read."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its first `size` leaves have the Merkle root `root`."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def body(self) -> bytes:
        """The note text, with its final newline."""
        lines = (self.origin, str(self.size), b64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines).encode()

    @classmethod
    def parse(cls, body: bytes) -> Checkpoint:
        """Read a note text as a checkpoint; `FormatError` if it is none. Nothing is believed yet."""
        try:
            *lines, last = body.decode().split("\n")
        except UnicodeDecodeError as error:
            raise FormatError("a checkpoint is UTF-8, this is not") from error
        if last or len(lines) < 3 or not all(lines):  # noqa: PLR2004 - origin, size, root
            raise FormatError("a checkpoint is three or more non-empty lines: origin, size, root hash")
        origin, size, root, *extensions = lines
        number = decimal(size, "checkpoint size")
        if number > MAX_SIZE:
            raise FormatError(f"checkpoint size {number} is beyond 2^63 - 1")
        return cls(origin, number, hash_from_b64(root, "checkpoint root"), tuple(extensions))


def open_checkpoint(data: bytes, key: Ed25519Key, *, origin: str | None = None) -> Checkpoint:
    """The checkpoint in the signed note `data`, believed because the log's `key` signed it.

    Args:
        data: the signed note.
        key: the log's key, obtained out of band.
        origin: the origin that is expected; the key's name if None.

    Raises:
        FormatError: if `data` is no signed checkpoint.
        ProofError: if it is not signed by `key`, or speaks for another origin.
    """
    note, _ = open_note(data, [key])
    checkpoint = Checkpoint.parse(note.text)
    expected = key.name if origin is None else origin
    if checkpoint.origin != expected:
        raise ProofError(f"the checkpoint speaks for {checkpoint.origin!r}, expected {expected!r}")
    return checkpoint
