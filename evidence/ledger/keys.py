"""Keys of the ledger: who can sign a checkpoint, and the file driver.

- A `Signer` signs bytes with plain Ed25519 (RFC 8032) and says which key it is; where the key lives is its own affair.
  Drivers for hardware or a key service fit the same three members (see `evidence.ledger.openbao`).
- A key file is one line in the C2SP form `PRIVATE+KEY+<name>+<id>+<base64>`, readable by its owner alone.
- The log's key signs notes (type 0x01), a witness's cosigns checkpoints (type 0x04): never one key for both.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.errors import ConfigError
from evidence.verify.formats import cosignature, notes
from evidence.verify.formats.errors import FormatError
from evidence.verify.keyring import ROTATION

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

LOG = notes.ED25519
"""Kind of a log's key."""
WITNESS = cosignature.COSIGNATURE_V1
"""Kind of a witness's key."""


class Signer(Protocol):
    """A private Ed25519 key, wherever it lives."""

    @property
    def name(self) -> str:
        """The key's name in signature lines: the log's origin, or the witness's name."""
        ...

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`; `EvidenceError` if the key cannot be used now."""
        ...


@dataclass(frozen=True, slots=True)
class FileSigner:
    """A key that was read from a file: a "software key"."""

    name: str
    public_key: bytes
    _private: Ed25519PrivateKey

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`."""
        return self._private.sign(message)


def generate(path: Path, name: str, *, kind: int = LOG) -> FileSigner:
    """Make a new key in the new file `path`, mode 0600; `ConfigError` if the file exists."""
    notes.check_name(name)
    private = Ed25519PrivateKey.generate()
    line = notes.encode_skey(name, private.public_key().public_bytes_raw(), private.private_bytes_raw(), kind)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"cannot create the key file {path}: {error.strerror}",
            next_step="Keys are never overwritten: name a new file in an existing folder.",
        ) from error
    with os.fdopen(descriptor, "w") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    return load(path, kind=kind)


def load(path: Path, *, kind: int = LOG) -> FileSigner:
    """Read a key file; `ConfigError` if it is absent, malformed, of another kind, or readable by others."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read the key file {path}: {error}", next_step="Generate a key, or fix the path."
        ) from error
    if mode & 0o077:
        raise ConfigError(
            f"the key file {path} has mode {mode:04o}, valid: 0600 or 0400", next_step=f"chmod 600 {path}"
        )
    try:
        name, identifier, seed = notes.parse_skey(text, kind)
    except FormatError as error:
        raise ConfigError(f"the key file {path} holds no key: {error}") from error
    private = Ed25519PrivateKey.from_private_bytes(seed)
    signer = FileSigner(name, private.public_key().public_bytes_raw(), private)
    if notes.key_id(name, kind, signer.public_key) != identifier:
        raise ConfigError(f"the key file {path} states another key's ID: it was altered")
    return signer


def log_key(signer: Signer) -> notes.Ed25519Key:
    """The public half of a log's signer: its `vkey` goes to auditors and witnesses."""
    return notes.Ed25519Key(signer.name, signer.public_key)


def witness_key(signer: Signer) -> cosignature.WitnessKey:
    """The public half of a witness's signer."""
    return cosignature.WitnessKey(signer.name, signer.public_key)


def sign_note(text: bytes, signer: Signer) -> bytes:
    """`text` as a note under the signature of `signer`."""
    signature = notes.Signature(signer.name, log_key(signer).key_id, signer.sign(text))
    return notes.Note(text, (signature,)).encode()


def cosign(body: bytes, signer: Signer, now: datetime) -> notes.Signature:
    """The cosignature of a witness's `signer` over the checkpoint text `body`, as of `now`."""
    seconds = int(now.timestamp())
    data = cosignature.encode(seconds, signer.sign(cosignature.message(body, seconds)))
    return notes.Signature(signer.name, witness_key(signer).key_id, data)


def rotation(old: Signer, new: Signer) -> str:
    """The old key's note that `new` follows it: the `cross_signature` of a `key` statement.

    Read it with `notes.open_note(note.encode(), [old key])`; its second line is the new vkey.
    """
    return sign_note(f"{ROTATION}{log_key(new).vkey}\n".encode(), old).decode()
