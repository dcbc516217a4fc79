"""Witness cosignatures (c2sp.org/tlog-cosignature, Ed25519 v1): a witness saw this checkpoint at this time.

- The signed message is `cosignature/v1`, `time <POSIX seconds>` and the whole checkpoint body.
- The signature bytes are the time as a big-endian uint64 and then the 64-byte Ed25519 signature; key type 0x04.
- It states that, as of that time, this was the largest consistent tree that the witness had seen of the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.formats.notes import Ed25519Key, Signature, verify_ed25519

COSIGNATURE_V1 = 0x04
"""Signature type of an Ed25519 witness cosignature."""

_SIZE = 8 + 64
_MAX_TIME = 2**63 - 1


@dataclass(frozen=True, slots=True)
class WitnessKey(Ed25519Key):
    """A witness's public key (type 0x04)."""

    TYPE: ClassVar[int] = COSIGNATURE_V1

    def verify(self, text: bytes, signature: bytes) -> None:
        """`ProofError` unless `signature` is this witness's cosignature of the checkpoint body `text`."""
        if len(signature) != _SIZE:
            raise ProofError(f"the cosignature of {self.name} has {len(signature)} bytes, expected {_SIZE}")
        seconds = int.from_bytes(signature[:8], "big")
        if seconds > _MAX_TIME:
            raise ProofError(f"the cosignature of {self.name} states a time beyond 2^63 - 1")
        verify_ed25519(self.public_key, message(text, seconds), signature[8:], self.name)


def message(body: bytes, seconds: int) -> bytes:
    """What a witness signs: `body` is the checkpoint's note text, `seconds` the POSIX time."""
    return f"cosignature/v1\ntime {seconds}\n".encode() + body


def encode(seconds: int, signature: bytes) -> bytes:
    """The bytes behind the key ID of a cosignature line."""
    return seconds.to_bytes(8, "big") + signature


def cosigned_at(signature: Signature) -> datetime:
    """The time that a cosignature states; worth something only once it is verified."""
    if len(signature.signature) != _SIZE:
        raise FormatError(f"{signature.name}: {len(signature.signature)} bytes are no cosignature of {_SIZE}")
    seconds = int.from_bytes(signature.signature[:8], "big")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise FormatError(f"{signature.name}: cosignature time {seconds} is no date") from error
