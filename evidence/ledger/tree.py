"""The growing tree, streamed by tile: what is full is handed out and forgotten, only the right edge is kept.

- `Frontier` holds the unfinished bundle and the unfinished tile of each level: at most 255 items each.
- It answers the root of the whole tree, and hands out every tile and bundle once, when it is full.
- `TiledTree` answers hashes of any range from stored tiles, so every proof is the RFC's own recursion over it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from evidence.ledger.tiles import TILE_WIDTH, TilePath, encode_entries
from evidence.verify.formats import merkle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_HEIGHT = 8  # levels of the tree in one tile
_CACHED = 8192  # nodes; a proof of every statement of a quarter asks for the same ones again and again


@dataclass(slots=True)
class Frontier:
    """The right edge of a tree of `size` leaves.

    Attributes:
        size: leaves in the tree.
        entries: those of the unfinished bundle.
        levels: per level, the hashes of the unfinished tile.
    """

    size: int = 0
    entries: list[bytes] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=lambda: [[]])

    def extend(self, entries: Sequence[bytes]) -> Iterator[tuple[TilePath, bytes]]:
        """Append `entries`; yields each bundle and tile that this fills, in the order in which they fill."""
        position = 0
        while position < len(entries):
            chunk = entries[position : position + TILE_WIDTH - len(self.entries)]
            position += len(chunk)
            self.entries += chunk
            self.levels[0] += [sha256(b"\x00" + entry).digest() for entry in chunk]
            self.size += len(chunk)
            if len(self.entries) == TILE_WIDTH:
                yield TilePath(-1, self.size // TILE_WIDTH - 1), encode_entries(self.entries)
                self.entries = []
                yield from self._fill(0)

    def _fill(self, level: int) -> Iterator[tuple[TilePath, bytes]]:
        hashes = self.levels[level]
        if len(hashes) < TILE_WIDTH:
            return
        yield TilePath(level, (self.size >> _HEIGHT * (level + 1)) - 1), b"".join(hashes)
        if level + 1 == len(self.levels):
            self.levels.append([])
        self.levels[level + 1].append(fold(hashes))
        self.levels[level] = []
        yield from self._fill(level + 1)

    def root(self) -> bytes:
        """The root of the tree: each level's hashes, with what hangs right below them as their last sibling."""
        right: list[bytes] = []
        for hashes in self.levels:
            items = hashes + right
            right = [merkle.root(items)] if items else []
        return right[0] if right else merkle.EMPTY_ROOT

    def partials(self) -> Iterator[tuple[TilePath, bytes]]:
        """The unfinished bundle and tiles, as a log must serve them for a checkpoint of this size."""
        if self.entries:
            yield TilePath(-1, self.size // TILE_WIDTH, len(self.entries)), encode_entries(self.entries)
        for level, hashes in enumerate(self.levels):
            if hashes:
                yield TilePath(level, self.size >> _HEIGHT * (level + 1), len(hashes)), b"".join(hashes)


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = [sha256(b"\x01" + a + b).digest() for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


class TiledTree:
    """Hashes and proofs out of tiles; `tile(level, index)` gives the hashes of one, full or partial."""

    def __init__(self, tile: Callable[[int, int], Sequence[bytes]]) -> None:
        self._tile = tile
        self._node = lru_cache(_CACHED)(self._folded)  # the node over a whole subtree never changes

    def root(self, size: int) -> bytes:
        """The root of the first `size` leaves."""
        return self._mth(0, size) if size else merkle.EMPTY_ROOT

    def leaf(self, index: int) -> bytes:
        """The hash of leaf `index`."""
        return self._node(0, index)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The inclusion proof of leaf `index` in the tree of `size`."""
        return merkle.path(self._mth, index, 0, size)

    def consistency(self, old: int, size: int) -> list[bytes]:
        """The consistency proof from the tree of `old` leaves, at least one, to the tree of `size`."""
        return merkle.subproof(self._mth, old, 0, size, whole=True)

    def _mth(self, start: int, end: int) -> bytes:
        width = end - start
        if width.bit_count() == 1 and start % width == 0:
            height = width.bit_length() - 1
            return self._node(height, start >> height)
        middle = start + merkle.split_point(width)
        return merkle.node_hash(self._mth(start, middle), self._mth(middle, end))

    def _folded(self, height: int, index: int) -> bytes:
        """The node `height` levels above the leaves: folded from its tile's hashes, or one of them."""
        level, above = divmod(height, _HEIGHT)
        tile, offset = divmod(index << above, TILE_WIDTH)
        return fold(self._tile(level, tile)[offset : offset + (1 << above)])
