"""Canonical JSON (RFC 8785 profile) and SHA-256 names for bytes.

Rules of the profile: no floats, no integers that a double does not hold exactly (beyond ±(2^53 - 1)), string keys, text
that UTF-8 can hold (no lone surrogates). Within it Python's own encoder and RFC 8785 agree, except on the order of keys
outside the Basic Multilingual Plane, which is made explicit here.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

MAX_SAFE_INTEGER = 2**53 - 1


def canonical(value: Any) -> bytes:
    """The canonical UTF-8 form of `value`: of dicts with string keys, lists, tuples, text, integers, booleans, None.

    Raises:
        ValueError: for a float, an integer beyond ±(2^53 - 1), a key that is no string, a lone surrogate, or any other
            type.
    """
    plain = _plain(value)
    kept = value if plain else _ordered(value)
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=plain)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"canonical JSON holds no lone surrogates, found {error.object[error.start]!r}") from error


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of `data`: how every capture, statement and file is named."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """As `sha256`, of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(value: Any) -> bool:
    """Whether `value` is of the profile's own types, with ASCII keys alone: the encoder's order of those is ours.

    That is so of nearly everything, and takes a fraction of the time of `_ordered`.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is dict:
        return all(type(key) is str and key.isascii() for key in value) and all(map(_plain, value.values()))
    if kind is list or kind is tuple:
        return all(map(_plain, value))
    return kind is int and abs(value) <= MAX_SAFE_INTEGER


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"canonical JSON needs string keys, found {key!r}")  # noqa: TRY004 - one error for all
        return {k: _ordered(value[k]) for k in sorted(value, key=lambda k: k.encode("utf-16-be", "surrogatepass"))}
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    if isinstance(value, float):
        raise ValueError(f"canonical JSON holds no floats, found {value!r}; use an integer or a string")  # noqa: TRY004
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_SAFE_INTEGER:
        raise ValueError(f"canonical JSON holds no integers beyond 2^53 - 1, found {value}; use a string")
    if value is not None and not isinstance(value, str | int):
        raise ValueError(f"canonical JSON holds no {type(value).__name__}, found {value!r}")
    return value
