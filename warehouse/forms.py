"""Split a captured file into records, in every form that real systems and exports use.

- Each record is the exact text that the file holds (a slice of it, never re-encoded), with its position.
- What cannot be read is a `Bad` with reason and position; the rest of the file goes on; nothing is dropped.
- Forms: JSON array, NDJSON (under any name), one document, documents one after another, a document that wraps its
  records in a list, JSON inside a JSON string, CSV; gzip and zstd; byte-order mark, CRLF, missing last newline.
- A line of NDJSON is passed on as it stands: whether it is JSON is asked of all lines at once, later (`why_not`).

Example::

    >>> [r.text for r in split(b'{"items": [{"a": 1}, {"a": 2}]}', wrappers=("items",))]
    ['{"a": 1}', '{"a": 2}']
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

_SPACE = " \t\n\r"
_TRIMMED = _SPACE + "\v\f\ufeff"  # around a line, as DuckDB's reader trims it
NO_UTF8 = "bytes that are no UTF-8"
_decoder = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its position among the file's records, from 0, its exact JSON text, and where that begins.

    `offset` counts characters of the decoded text; 0 for a record of a CSV file, whose text is not a slice of it.
    """

    number: int
    text: str
    offset: int = 0


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


class _BrokenError(Exception):
    """From here on the text cannot be told apart."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset, self.reason = offset, reason


def split(data: bytes, *, wrappers: Sequence[str] = ()) -> Iterator[Record | Bad]:
    """Every record of a file, good or bad, in the file's order.

    Args:
        data: the file as captured.
        wrappers: dotted paths of lists that a document of this stream may wrap its records in, tried in order.
    """
    try:
        text, whole = _text(data)
    except (OSError, EOFError, zlib.error, pa.ArrowException, UnicodeDecodeError) as error:
        yield Bad(0, 0, f"not readable as text: {error}")
        return
    number = 0
    try:
        for offset, part in _documents(text, 0):
            for inner_offset, inner in unwrapped(part, wrappers):
                if whole or is_text(inner):
                    yield Record(number, inner, offset + inner_offset)
                else:
                    yield Bad(number, offset + inner_offset, NO_UTF8)
                number += 1
    except _BrokenError as broken:
        yield Bad(number, broken.offset, broken.reason)


def why_not(text: str) -> str:
    """Why a record's text is no JSON object, in plain words."""
    if isinstance(problem := _whole(text), str):
        return problem
    try:
        value = json.loads(text, strict=False)
    except ValueError as error:
        return str(error)
    kind = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}.get(
        type(value), "number"
    )
    return (
        "text that is no JSON by the standard"
        if kind == "object"
        else f"{'an' if kind == 'array' else 'a'} {kind} where an object is expected"
    )


def is_ndjson(text: str, start: int = 0) -> bool:
    """Whether a text that begins with a document has several lines, of which the first or the second is a document."""
    lines = list(_first_lines(text, skip_space(text, start), 3))
    return len(lines) > 1 and any(not isinstance(_whole(line), str) for line in lines[:2])


def _first_lines(text: str, at: int, count: int) -> Iterator[str]:
    """The lines among the first `count` from `at` on that are not blank."""
    for _ in range(count):
        end = text.find("\n", at)
        line = text[at:] if end < 0 else text[at:end]
        if line.strip(_SPACE):
            yield line
        if end < 0:
            return
        at = end + 1


def _text(data: bytes) -> tuple[str, bool]:
    """The decoded text, and whether every byte of it was in order."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        data = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16"), True
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return data.decode("utf-8-sig", "surrogateescape"), False


def is_text(text: str) -> bool:
    """Whether every character of it can be written in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _documents(text: str, start: int) -> Iterator[tuple[int, str]]:
    """Each document with its offset, whatever form the text from `start` on has."""
    start = skip_space(text, start)
    if start == len(text):
        return
    if text[start] == "[":
        end = yield from _array(text, start)
        yield from _documents(text, end)
    elif text[start] == "{" or _starts_with_document(text, start):
        yield from lines_of(text, start) if is_ndjson(text, start) else _chain(text, start)
    elif "," in next(_first_lines(text, start, 1), "") and text[start] not in "<,":
        yield from _csv(text[start:])
    else:
        raise _BrokenError(start, "neither JSON nor CSV")


def _starts_with_document(text: str, start: int) -> bool:
    """Whether a string, number or word begins the text as a document, not as the first cell of a CSV file."""
    end = _end(text, start)
    return isinstance(end, int) and text[skip_space(text, end) : skip_space(text, end) + 1] != ","


def _array(text: str, start: int) -> Generator[tuple[int, str], None, int]:
    """Elements of the array at `start`; returns where it ends. After a broken element nothing can be told apart."""
    at = skip_space(text, start + 1)
    while text[at : at + 1] != "]":
        end = _end(text, at)
        if isinstance(end, str):
            raise _BrokenError(at, f"array element: {end}")
        yield at, text[at:end]
        at = skip_space(text, end)
        if text[at : at + 1] == ",":
            at = skip_space(text, at + 1)
        elif text[at : at + 1] != "]":
            raise _BrokenError(at, "the array ends without `]`: the file is cut off")
    return at + 1


def lines_of(text: str, start: int) -> Iterator[tuple[int, str]]:
    """Each line from `start` on that is not blank, trimmed, with its offset."""
    offset = start
    for line in text[start:].split("\n"):
        if stripped := line.strip(_TRIMMED):
            yield offset, stripped
        offset += len(line) + 1


def _chain(text: str, start: int) -> Iterator[tuple[int, str]]:
    at = start
    while at < len(text):
        end = _end(text, at)
        if isinstance(end, str):
            raise _BrokenError(at, end)
        document = text[at:end]
        inner = json.loads(document, strict=False) if document[0] == '"' else ""
        if isinstance(inner, str) and (is_ndjson(inner) or not isinstance(_whole(inner.strip(_TRIMMED)), str)):
            yield from ((at, part) for _, part in _documents(inner, 0))  # JSON in a string, as some shippers write it
        else:
            yield at, document
        at = skip_space(text, end)


def _csv(text: str) -> Iterator[tuple[int, str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            body = row.get("data")
            if body and not isinstance(_whole(body), str):
                yield from ((0, part) for _, part in _documents(body, 0))
            else:
                yield 0, json.dumps({k: v for k, v in row.items() if k is not None}, ensure_ascii=False)
    except csv.Error as error:
        raise _BrokenError(reader.line_num, f"CSV: {error}") from error


def unwrapped(document: str, wrappers: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The elements of the first wrapping list that the document has, or the document itself."""
    for path in wrappers:
        if path.rpartition(".")[2] not in document and "\\u" not in document:
            continue  # no member of that name, however it is written: looking for it member by member would be slow
        start = _find(document, path.split("."))
        if start is not None and document[start : start + 1] == "[":
            try:
                parts = list(_array(document, start))
            except _BrokenError:
                break  # a line that is no JSON: it is said of the line as a whole
            yield from parts
            return
    yield 0, document


def _find(document: str, path: Sequence[str]) -> int | None:
    """Where the value under `path` begins in an object's text."""
    at: int | None = 0
    for name in path:
        if at is not None:
            at = _member(document, at, name)
    return at


def _member(text: str, at: int, name: str) -> int | None:
    """Where the member `name` of the object at `at` begins; None if there is none, or no object that can be read."""
    if text[at : at + 1] != "{":
        return None
    at = skip_space(text, at + 1)
    try:
        while text[at : at + 1] == '"':
            key, at = _decoder.raw_decode(text, at)
            at = skip_space(text, skip_space(text, at) + 1)
            if key == name:
                return at
            at = skip_space(text, _decoder.raw_decode(text, at)[1])
            at = skip_space(text, at + 1) if text[at : at + 1] == "," else at
    except (json.JSONDecodeError, RecursionError):
        return None
    return None


def _whole(text: str) -> str | None:
    """None if `text` is exactly one JSON document, else what is wrong."""
    end = _end(text, skip_space(text, 0))
    if isinstance(end, str):
        return end
    return None if skip_space(text, end) == len(text) else f"more text after the document, at character {end}"


def _end(text: str, at: int) -> int | str:
    try:
        return _decoder.raw_decode(text, at)[1]
    except json.JSONDecodeError as error:
        return f"{error.msg} at character {error.pos}"
    except RecursionError:
        return "nested too deeply to be read"


def skip_space(text: str, at: int) -> int:
    """Where the first character that is no white space stands, from `at` on."""
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
