"""Split a captured file into records, in every form that real systems and exports use.

- Each record is the exact text that the file holds (a slice of it, never re-encoded), with its position.
- What cannot be read is a `Bad` with reason and position; the rest of the file goes on; nothing is dropped.
- Forms: JSON array, NDJSON (under any name), one document, documents one after another, a document that wraps its
  records in a list, JSON inside a JSON string, CSV; gzip and zstd; byte-order mark, CRLF, missing last newline.

Example::

    >>> [r.text for r in split(b'{"items": [{"a": 1}, {"a": 2}]}', wrappers=("items",))]
    ['{"a": 1}', '{"a": 2}']
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SPACE = " \t\n\r"
_decoder = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its position among the file's records, from 0, and its exact JSON text."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Bad:
    """One record that could not be read.

    Attributes:
        number: its position among the file's records.
        offset: where it begins, in characters of the decoded text.
        reason: what is wrong with it, in plain words.
    """

    number: int
    offset: int
    reason: str


def split(data: bytes, *, wrappers: Sequence[str] = ()) -> Iterator[Record | Bad]:
    """Every record of a file, good or bad, in the file's order.

    Args:
        data: the file as captured.
        wrappers: dotted paths of lists that a document of this stream may wrap its records in, tried in order.
    """
    try:
        text = _text(data)
    except (UnicodeDecodeError, OSError, EOFError, zlib.error, pa.ArrowException) as error:
        yield Bad(0, 0, f"not readable as text: {error}")
        return
    parts = _documents(text)
    number = 0
    for part in parts:
        if isinstance(part, str):
            for inner in _unwrap(part, wrappers):
                yield Record(number, inner)
                number += 1
        else:
            yield Bad(number, part[0], part[1])
            number += 1


def _text(data: bytes) -> str:
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        data = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    return data.decode("utf-8-sig")


def _documents(text: str) -> Iterator[str | tuple[int, str]]:
    start = _skip(text, 0)
    if start == len(text):
        return
    if text[start] == "[":
        yield from _array(text, start)
    elif text[start] in '{"n' or text[start].isdigit():
        yield from _lines(text) if _is_ndjson(text, start) else _chain(text, start)
    else:
        yield from _csv(text)


def _array(text: str, start: int) -> Iterator[str | tuple[int, str]]:
    """Elements of the array at `start`; after a broken element nothing can be told apart, so one `Bad` ends it."""
    at = _skip(text, start + 1)
    if text[at : at + 1] == "]":
        at += 1
    while at < len(text) and text[at - 1] != "]":
        end = _end(text, at)
        if isinstance(end, str):
            yield at, f"array element: {end}"
            return
        yield text[at:end]
        at = _skip(text, end)
        if text[at : at + 1] not in (",", "]"):
            yield at, "the array ends without `]`: the file is cut off"
            return
        at = _skip(text, at + 1) if text[at] == "," else at + 1
    if _skip(text, at) < len(text):
        yield from _documents(text[at:])


def _is_ndjson(text: str, start: int) -> bool:
    """Several lines of which the first or the second is a whole document."""
    lines = [line for line in text[start:].split("\n", 4)[:3] if line.strip()]
    return len(lines) > 1 and any(not isinstance(_whole(line), str) for line in lines[:2])


def _lines(text: str) -> Iterator[str | tuple[int, str]]:
    offset = 0
    for line in text.split("\n"):
        if stripped := line.strip(_SPACE + "\ufeff"):
            problem = _whole(stripped)
            yield (offset, problem) if isinstance(problem, str) else stripped
        offset += len(line) + 1


def _chain(text: str, start: int) -> Iterator[str | tuple[int, str]]:
    at = start
    while at < len(text):
        end = _end(text, at)
        if isinstance(end, str):
            yield at, end
            return
        document = text[at:end]
        if document[0] == '"':
            yield from _inner(json.loads(document), at)
        else:
            yield document
        at = _skip(text, end)


def _inner(text: str, offset: int) -> Iterator[str | tuple[int, str]]:
    """JSON inside a JSON string, as some shippers write it."""
    if isinstance(problem := _whole(text.strip()), str):
        yield offset, f"a string that holds no JSON document: {problem}"
    else:
        yield from _documents(text)


def _csv(text: str) -> Iterator[str | tuple[int, str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            body = row.get("data")
            if body and not isinstance(_whole(body), str):
                yield body
            else:
                yield json.dumps({k: v for k, v in row.items() if k is not None}, ensure_ascii=False)
    except csv.Error as error:
        yield reader.line_num, f"CSV: {error}"


def _unwrap(document: str, wrappers: Sequence[str]) -> Iterator[str]:
    """The elements of the first wrapping list that the document has, or the document itself."""
    for path in wrappers:
        start = _find(document, path.split("."))
        if start is not None and document[start] == "[":
            yield from (part for part in _array(document, start) if isinstance(part, str))
            return
    yield document


def _find(document: str, path: Sequence[str]) -> int | None:
    """Where the value under `path` begins in an object's text."""
    at = 0
    for name in path:
        at = _member(document, at, name)  # type: ignore[assignment]
        if at is None:
            return None
    return at


def _member(text: str, at: int, name: str) -> int | None:
    if text[at : at + 1] != "{":
        return None
    at = _skip(text, at + 1)
    while text[at] == '"':
        key, at = _decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        if key == name:
            return at
        at = _skip(text, _decoder.raw_decode(text, at)[1])
        at = _skip(text, at + 1) if text[at] == "," else at
    return None


def _whole(text: str) -> str | None:
    """None if `text` is exactly one JSON document, else what is wrong."""
    end = _end(text, _skip(text, 0))
    if isinstance(end, str):
        return end
    return None if _skip(text, end) == len(text) else f"more text after the document, at character {end}"


def _end(text: str, at: int) -> int | str:
    try:
        return _decoder.raw_decode(text, at)[1]
    except json.JSONDecodeError as error:
        return f"{error.msg} at character {error.pos}"
    except RecursionError:
        return "nested too deeply to be read"


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
