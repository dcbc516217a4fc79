"""Signed notes (c2sp.org/signed-note): text under one or more signatures, each by a named key.

- A note is its text (ending in a newline), an empty line, and lines `— <key name> base64(key ID || signature)`.
- Only signatures of keys that the caller trusts count; others are ignored, even under a known name.
- A trusted key whose signature fails condemns the whole note; a note without a good signature is refused.
- Keys travel as `<name>+<key ID>+<base64(type || key)>` (vkey) and `PRIVATE+KEY+…` (skey).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from evidence.verify.formats.encoding import b64, from_b64
from evidence.verify.formats.errors import FormatError, ProofError

if TYPE_CHECKING:
    from collections.abc import Iterable

ED25519 = 0x01
"""Signature type of a note signed directly by an Ed25519 key."""

MAX_NOTE = 1_000_000  # bytes; the specification asks for a limit
MAX_SIGNATURES = 100  # it asks for at least 16

_KEY_SIZE = 32
_PRIVATE = "PRIVATE+KEY+"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who says to have signed, under which key ID, and the bytes behind it."""

    name: str
    key_id: int
    signature: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"— {self.name} {b64(self.key_id.to_bytes(4, 'big') + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note as parsed: nothing in it is believed yet."""

    text: bytes
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The note's bytes."""
        return self.text + b"\n" + "".join(s.line() for s in self.signatures).encode()


class Verifier(Protocol):
    """A trusted key: what `open_note` needs to know of it."""

    @property
    def name(self) -> str:
        """The key's name, as in its signature lines."""
        ...

    @property
    def key_id(self) -> int:
        """The key's 32-bit ID."""
        ...

    def verify(self, text: bytes, signature: bytes) -> None:
        """`ProofError` unless `signature` is this key's over `text`."""
        ...


V = TypeVar("V", bound=Verifier)


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """A public key that signs notes directly (type 0x01)."""

    name: str
    public_key: bytes

    TYPE: ClassVar[int] = ED25519

    def __post_init__(self) -> None:
        """Refuse a name or a key that no note could carry."""
        check_name(self.name)
        if len(self.public_key) != _KEY_SIZE:
            raise FormatError(f"key {self.name}: {len(self.public_key)} bytes, an Ed25519 key has {_KEY_SIZE}")

    @property
    def key_id(self) -> int:
        """The first four bytes of SHA-256(name || newline || type || public key)."""
        return key_id(self.name, self.TYPE, self.public_key)

    @property
    def vkey(self) -> str:
        """The key as text, to be handed to an auditor out of band."""
        return f"{self.name}+{self.key_id:08x}+{b64(bytes([self.TYPE]) + self.public_key)}"

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a vkey; `FormatError` if it is malformed, of another type, or its ID is not its own."""
        name, identifier, key = _split_key(vkey, cls.TYPE)
        found = cls(name, key)
        if found.key_id != identifier:
            raise FormatError(f"vkey of {name}: ID {identifier:08x} stated, {found.key_id:08x} computed")
        return found

    def verify(self, text: bytes, signature: bytes) -> None:
        """`ProofError` unless `signature` is this key's Ed25519 signature over `text`."""
        verify_ed25519(self.public_key, text, signature, self.name)


def key_id(name: str, kind: int, public_key: bytes) -> int:
    """The 32-bit ID of the key `name` for signatures of type `kind`."""
    digest = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()
    return int.from_bytes(digest[:4], "big")


def verify_ed25519(public_key: bytes, message: bytes, signature: bytes, name: str) -> None:
    """`ProofError` unless `signature` is the RFC 8032 signature of `message`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature as error:
        raise ProofError(f"the signature of {name} does not verify") from error


def encode_skey(name: str, public_key: bytes, seed: bytes, kind: int = ED25519) -> str:
    """A private key as text: secret."""
    return f"{_PRIVATE}{name}+{key_id(name, kind, public_key):08x}+{b64(bytes([kind]) + seed)}"


def parse_skey(skey: str, kind: int = ED25519) -> tuple[str, int, bytes]:
    """Name, key ID and 32-byte seed of an skey; the caller compares the ID with the public key's own."""
    if not skey.startswith(_PRIVATE):
        raise FormatError(f"a private key starts with {_PRIVATE!r}; this text does not")
    return _split_key(skey.removeprefix(_PRIVATE), kind)


def parse(data: bytes) -> Note:
    """Read a note without believing any of it; `FormatError` if it is malformed."""
    text, signatures = _split_note(data)
    lines = signatures.split("\n")
    if lines.pop() != "" or not lines:
        raise FormatError("a note ends with one or more signature lines, each ending in a newline")
    if len(lines) > MAX_SIGNATURES:
        raise FormatError(f"a note of {len(lines)} signatures, at most {MAX_SIGNATURES} are read")
    return Note(text.encode(), tuple(parse_signature(line) for line in lines))


def parse_signature(line: str) -> Signature:
    """Read one signature line, given without its newline."""
    dash, name, encoded = (*line.split(" "), "", "", "")[:3]
    if dash != "—" or line.count(" ") != 2:  # noqa: PLR2004 - dash, name and signature are apart by two spaces
        raise FormatError(f"{line[:80]!r} is not a signature line `— name base64`")
    check_name(name)
    data = from_b64(encoded, f"signature of {name}")
    if len(data) <= 4:  # noqa: PLR2004 - the key ID alone has four bytes
        raise FormatError(f"signature of {name}: {len(data)} bytes, a key ID and a signature have more than 4")
    return Signature(name, int.from_bytes(data[:4], "big"), data[4:])


def open_note(data: bytes, keys: Iterable[V]) -> tuple[Note, dict[V, Signature]]:
    """Check a note against trusted `keys`.

    Returns:
        The note, and the verified signature of each key that signed it.

    Raises:
        FormatError: if it is malformed.
        ProofError: if a trusted key's signature fails, or no trusted key signed.
    """
    note = parse(data)
    trusted = {(key.name, key.key_id): key for key in keys}
    verified: dict[V, Signature] = {}
    for signature in note.signatures:
        key = trusted.get((signature.name, signature.key_id))
        if key is not None:
            key.verify(note.text, signature.signature)
            verified.setdefault(key, signature)
    if not verified:
        known = ", ".join(sorted(name for name, _ in trusted)) or "none"
        raise ProofError(f"no signature by a trusted key; trusted: {known}")
    return note, verified


def check_name(name: str) -> None:
    """`FormatError` unless `name` may name a key: not empty, no space, no plus, no control character."""
    if not name or any(c.isspace() or c == "+" or c < " " for c in name):
        raise FormatError(f"{name!r} is no key name: it must be non-empty, without spaces, plus or control characters")


def _split_note(data: bytes) -> tuple[str, str]:
    if len(data) > MAX_NOTE:
        raise FormatError(f"a note of {len(data)} bytes, at most {MAX_NOTE} are read")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise FormatError("a note is UTF-8, this is not") from error
    if any(c < " " and c != "\n" for c in whole):
        raise FormatError("a note holds no control characters but newlines")
    text, blank, signatures = whole.rpartition("\n\n")
    if not blank:
        raise FormatError("no empty line between the note's text and its signatures")
    return text + "\n", signatures


def _split_key(text: str, kind: int) -> tuple[str, int, bytes]:
    name, identifier, encoded = (*text.split("+", 2), "", "")[:3]
    check_name(name)
    if len(identifier) != 8 or not set(identifier) <= set("0123456789abcdef"):  # noqa: PLR2004 - 32 bits in hexadecimal
        raise FormatError(f"key {name}: ID {identifier[:20]!r} is not eight hexadecimal digits")
    data = from_b64(encoded, f"key {name}")
    if not data or data[0] != kind:
        raise FormatError(f"key {name}: type 0x{data[:1].hex() or '--'}, expected 0x{kind:02x}")
    if len(data) != 1 + _KEY_SIZE:
        raise FormatError(f"key {name}: {len(data) - 1} bytes, an Ed25519 key has {_KEY_SIZE}")
    return name, int(identifier, 16), data[1:]
