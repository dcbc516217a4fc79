"""The log's tiles and bundles where they are: full ones in the store, the unfinished in the right edge."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from evidence.errors import IntegrityError
from evidence.ledger.tiles import TILE_WIDTH, TilePath, decode_entries, split_hashes
from evidence.ledger.tree import Frontier, TiledTree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evidence.stores.base import Store

_CACHED = 64  # full tiles: they never change


class Stored:
    """Hashes, entries and proofs of the tree whose right edge is `frontier`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._full = lru_cache(_CACHED)(self._read)
        self.frontier = Frontier()
        self.tree = TiledTree(self._tile)

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """The entries from index `start` up to, not including, `end`."""
        for bundle in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            first = bundle * TILE_WIDTH
            yield from self._bundle(bundle)[max(start - first, 0) : end - first]

    def _bundle(self, index: int) -> Sequence[bytes]:
        if index == self.frontier.size // TILE_WIDTH:
            return self.frontier.entries
        key = f"ledger/{TilePath(-1, index)}"
        return decode_entries(self._store.get(key), key)

    def _tile(self, level: int, index: int) -> Sequence[bytes]:
        if index == self.frontier.size // TILE_WIDTH ** (level + 1):
            return self.frontier.levels[level]
        return self._full(level, index)

    def _read(self, level: int, index: int) -> Sequence[bytes]:
        key = f"ledger/{TilePath(level, index)}"
        hashes = split_hashes(self._store.get(key), key)
        if len(hashes) != TILE_WIDTH:
            raise IntegrityError(f"{key} has {len(hashes)} hashes, a full tile has {TILE_WIDTH}")
        return hashes
