"""Strict readings of base64 and decimal numbers: one value has one spelling."""

from __future__ import annotations

import base64
import binascii
import re

from evidence.verify.formats.errors import FormatError

HASH_SIZE = 32
"""Bytes in a SHA-256 hash."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def b64(data: bytes) -> str:
    """Standard base64 (RFC 4648 section 4) of `data`."""
    return base64.b64encode(data).decode("ascii")


def from_b64(text: str, what: str) -> bytes:
    """The bytes that `text` spells; `FormatError` names `what` for any other than the one canonical spelling."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise FormatError(f"{what}: {text[:80]!r} is not base64") from error
    if b64(data) != text:
        raise FormatError(f"{what}: {text[:80]!r} is not canonical base64")
    return data


def hash_from_b64(text: str, what: str) -> bytes:
    """The SHA-256 hash that `text` spells."""
    data = from_b64(text, what)
    if len(data) != HASH_SIZE:
        raise FormatError(f"{what}: found {len(data)} bytes, a SHA-256 hash has {HASH_SIZE}")
    return data


def decimal(text: str, what: str) -> int:
    """A number from 0 to 10^19 - 1 in ASCII digits without sign or leading zeros."""
    if not _DECIMAL.fullmatch(text):
        raise FormatError(f"{what}: {text[:40]!r} is not a decimal number without leading zeros")
    return int(text)
