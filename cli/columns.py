"""Rows of text as lines of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def columns(rows: Sequence[Sequence[str]], *, words: int) -> Iterator[str]:
    """A line per row, as wide as its widest cells need.

    Args:
        rows: of the same length, the heads among them.
        words: how many columns, from the left, are of words and begin at their left; numbers end at their right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (c.rjust(w) if n >= words else c.ljust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True)))
        yield "  ".join(cells).rstrip()
