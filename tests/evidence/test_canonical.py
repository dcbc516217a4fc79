"""Canonical JSON agrees with an independent RFC 8785 encoder within the profile, and refuses what is outside."""

from __future__ import annotations

import enum
import hashlib
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import MAX_SAFE_INTEGER, canonical, sha256

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@given(VALUES)
def test_the_profile_is_rfc_8785(value: Any) -> None:
    """Byte for byte what the rfc8785 package writes, and it reads back as it was."""
    assert canonical(value) == rfc8785.dumps(value)
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(st.text("\ue000\uffff\U00010000\U0010ffff\r1öz", max_size=2), st.integers(0, 9)))
def test_keys_are_ordered_by_utf_16_units(value: dict[str, int]) -> None:
    """Keys outside the Basic Multilingual Plane come before U+E000, which Python's own order has the other way."""
    assert canonical(value) == rfc8785.dumps(value)


def test_the_order_of_keys_is_explicit() -> None:
    """The one case in which code points and UTF-16 units differ."""
    assert canonical({"\ue000": 1, "\U00010000": 2}) == '{"\U00010000":2,"\ue000":1}'.encode()


@given(VALUES)
def test_canonical_is_a_fixed_point(value: object) -> None:
    """Writing what was read gives the same bytes: a receipt's digest survives any number of readers."""
    assert canonical(json.loads(canonical(value))) == canonical(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.0, "no floats, found 1.0"), (float("nan"), "no floats"), (2**53, "no integers beyond"),
        (-(2**53), "no integers beyond"), ({1: 2}, "string keys, found 1"), ({None: 2}, "string keys"),
        ("\ud800", "no lone surrogates, found '\\\\ud800'"), ({"\udfff": 1}, "no lone surrogates"),
        (b"x", "no bytes"), ({1, 2}, "no set"), (MappingProxyType({}), "no mappingproxy"),
        ([{"a": [0.5]}], "no floats"),
    ],
)  # fmt: skip
def test_what_is_outside_the_profile_is_refused(value: object, message: str) -> None:
    """Two readers could take it differently: floats, large integers, other keys, half characters, other types."""
    with pytest.raises(ValueError, match=f"canonical JSON (holds|needs) {message}"):
        canonical(value)


def test_the_edge_of_the_integers() -> None:
    """Exactly the integers that a double holds one by one."""
    assert canonical([MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER]) == b"[9007199254740991,-9007199254740991]"
    with pytest.raises(rfc8785.IntegerDomainError, match="exceeds safe integer domain"):
        rfc8785.dumps(MAX_SAFE_INTEGER + 1)


def test_kinds_of_text_and_numbers() -> None:
    """Booleans are no numbers; enumerations, tuples and control characters are written as JSON has them."""
    colour = enum.StrEnum("colour", {"RED": "red"})
    assert canonical((True, 1, None, colour.RED, '\x1f\x7f\u2028/"\\\b')) == (
        '[true,1,null,"red","\\u001f\x7f\u2028/\\"\\\\\\b"]'.encode()
    )


@pytest.mark.parametrize("data", [b"", b"abc", b"\x00" * 1000])
def test_names_are_sha_256(data: bytes) -> None:
    """Sixty-four lower-case hexadecimal digits."""
    digest: Callable[[bytes], str] = lambda d: hashlib.new("sha256", d).hexdigest()  # noqa: E731 - beside its use
    assert sha256(data) == digest(data)
