"""Forms: whatever shape a file has, its records come out as they stood, and what is broken is told."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.blocks import split_lines
from warehouse.forms import Bad, Record, split

LEAVES = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=12)
OBJECTS = st.dictionaries(
    st.text(max_size=6),
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_size=4,
)
FORMS: dict[str, Any] = {
    "array": lambda texts: "[" + ", ".join(texts) + "]",
    "lines": lambda texts: "\n".join(texts) + "\n",
    "lines without a last newline": "\n".join,
    "lines with CRLF": "\r\n".join,
    "byte-order mark": lambda texts: "\ufeff" + "\n".join(texts),
    "list in a document": lambda texts: '{"total_count": 3, "items": [' + ",".join(texts) + "]}",
    "list in a string": lambda texts: json.dumps("[" + ",".join(texts) + "]"),
}


def values(data: bytes) -> list[Any]:
    """The values of a file's records."""
    found = list(split(data, wrappers=("items",)))
    assert not [item for item in found if isinstance(item, Bad)]
    return [json.loads(item.text) for item in found if isinstance(item, Record)]


@pytest.mark.parametrize("form", FORMS)
@given(records=st.lists(OBJECTS, min_size=2, max_size=5))
@settings(max_examples=60, deadline=None)
def test_records_come_out_of_every_form(form: str, records: list[dict[str, Any]]) -> None:
    """The same records, in the same order, whatever they are wrapped in; compressed or not."""
    records = [{"id": n, **record} for n, record in enumerate(records)]
    records = [{key: value for key, value in record.items() if key != "items"} for record in records]
    text = FORMS[form]([json.dumps(record, ensure_ascii=False) for record in records])
    data = text.encode("utf-8", "surrogatepass") if text.isprintable() else text.encode()
    assert values(data) == records
    assert values(gzip.compress(data)) == records


@given(data=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_whatever_stop_an_import(data: bytes) -> None:
    """Anything is split into records and reasons, numbered without a hole."""
    found = list(split(data, wrappers=("items",)))
    assert [item.number for item in found] == list(range(len(found)))
    assert all(item.reason for item in found if isinstance(item, Bad))


@given(records=st.lists(OBJECTS, min_size=1, max_size=4), cut=st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_a_file_that_is_cut_off_keeps_what_is_whole(records: list[dict[str, Any]], cut: int) -> None:
    """Whole records before the cut are kept as they stood; the rest is one reason."""
    texts = [json.dumps(record) for record in records]
    found = list(split(("[" + ",".join(texts) + "]").encode()[:-cut]))
    whole = [item.text for item in found if isinstance(item, Record)]
    assert whole == texts[: len(whole)]
    assert len([item for item in found if isinstance(item, Bad)]) <= 1


def test_numbers_keep_their_digits() -> None:
    """A record is a slice of the file: integers beyond 2^53 and trailing zeros stay."""
    text = '{"n": 12345678901234567890, "f": 1.500}'
    assert [item.text for item in split(text.encode()) if isinstance(item, Record)] == [text]


LINE = st.sampled_from(
    ['{"a": 1}', '{"items": [{"b": 2}, {"b": 3}]}', '{"a": ', "5", "", "  ", '{"a": "\u00e9\u65e5"}', "x,y"]
)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@given(lines=st.lists(LINE, min_size=2, max_size=12), block=st.integers(60, 90), spoilt=st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_file_of_lines_is_the_same_in_blocks(end: str, lines: list[str], block: int, spoilt: bool) -> None:
    """Records, numbers, offsets and reasons do not depend on how much of the file is held at once."""
    data = end.join(['{"first": 1}', '{"second": 2}', *lines]).encode("utf-8-sig")
    if spoilt:
        data = data.replace("\u65e5".encode(), b"\xff\xfe")
    found = split_lines(io.BytesIO(data), wrappers=("items",), block=block)
    if found is None:  # fewer than three lines were seen: too little to be sure
        assert data[:block].count(b"\n") < 3
    else:
        assert list(found) == list(split(data, wrappers=("items",)))


def test_only_plain_lines_are_read_in_blocks() -> None:
    """Whatever has another form, or hides it, is left to the way that holds the file."""
    lines = "\n".join(['{"a": 1}'] * 9)
    for data in (
        gzip.compress(lines.encode()),
        lines.encode("utf-16"),
        f"[{lines}]".encode(),
        b'{"a": 1}',
        b"a,b\n" * 9,
    ):
        assert split_lines(io.BytesIO(data)) is None
