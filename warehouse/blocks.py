"""Split a file of lines block by block, as `warehouse.forms` does it whole: memory does not grow with the file.

- Records, numbers, offsets and reasons are those of `warehouse.forms.split`, whatever a block's size.
- Only for files that are plainly lines: any other form is left to the way that holds the whole file.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, BinaryIO

from warehouse.forms import NO_UTF8, Bad, Record, is_ndjson, is_text, lines_of, skip_space, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEAD_LINES = 3  # that must be seen before a file counts as one of lines


def split_lines(file: BinaryIO, *, wrappers: Sequence[str] = (), block: int = 1 << 24) -> Iterator[Record | Bad] | None:
    """As `split`, of a file of lines and `block` bytes at a time, however large it is; None if it has another form.

    Args:
        file: at its beginning, in UTF-8 and not compressed.
        wrappers: as for `split`.
        block: bytes that are held at once, unless a single line is longer.
    """
    head = file.read(block)
    file.seek(0)
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"\x1f\x8b", b"\x28\xb5"):
        return None
    text = head.decode("utf-8-sig", "surrogateescape")
    start = skip_space(text, 0)
    if text[start : start + 1] != "{" or text.count("\n", start) < _HEAD_LINES or not is_ndjson(text, start):
        return None
    return _line_records(file, wrappers, block)


def _line_records(file: BinaryIO, wrappers: Sequence[str], block: int) -> Iterator[Record | Bad]:
    number = offset = 0
    for data in _line_blocks(file, block):
        try:
            text, whole = data.decode("utf-8-sig" if not offset else "utf-8"), True
        except UnicodeDecodeError:
            text, whole = data.decode("utf-8-sig" if not offset else "utf-8", "surrogateescape"), False
        for at, line in lines_of(text, 0):
            for inner_offset, inner in unwrapped(line, wrappers):
                if whole or is_text(inner):
                    yield Record(number, inner, offset + at + inner_offset)
                else:
                    yield Bad(number, offset + at + inner_offset, NO_UTF8)
                number += 1
        offset += len(text)


def _line_blocks(file: BinaryIO, block: int) -> Iterator[bytes]:
    """The file's bytes, cut after a line's end."""
    rest = b""
    while data := file.read(block):
        rest += data
        if end := rest.rfind(b"\n") + 1:
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest
