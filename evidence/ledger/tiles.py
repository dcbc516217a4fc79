"""Tiles and entry bundles (c2sp.org/tlog-tiles): how a log's hashes and entries are cut into files.

- A tile holds 256 consecutive hashes of one level; level 0 are leaf hashes, level n+1 the roots of level n's tiles.
- A bundle holds the 256 entries behind a level 0 tile, each behind its length as a big-endian uint16.
- The last tile of a level and the last bundle may be partial: their path says how wide they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evidence.errors import IntegrityError
from evidence.verify.formats.encoding import HASH_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable

TILE_WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""

MAX_ENTRY = 2**16 - 1
"""Bytes in the largest entry that a bundle can hold."""

_PATH = re.compile(r"tile/(entries|0|[1-5]?[0-9]|6[0-3])/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class TilePath:
    """Which tile: its level (-1 for a bundle of entries), its index in the level, its width (256 if full)."""

    level: int
    index: int
    width: int = TILE_WIDTH

    def __str__(self) -> str:
        """The path below the log's prefix, such as `tile/0/x001/x234/067` or `tile/entries/000.p/5`."""
        digits = f"{self.index:03d}"
        digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
        groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{'entries' if self.level < 0 else self.level}/{name}{partial}"

    @classmethod
    def parse(cls, path: str) -> TilePath:
        """Read a path; `IntegrityError` if it is none, or not the one spelling of its tile."""
        match = _PATH.fullmatch(path)
        if match:
            level, name, width = match.groups()
            index = int(name.replace("/", "").replace("x", ""))
            found = cls(-1 if level == "entries" else int(level), index, int(width or TILE_WIDTH))
            if str(found) == path:
                return found
        raise IntegrityError(f"{path!r} is not the path of a tile or an entry bundle")


def partial_width(level: int, size: int) -> int:
    """Hashes in the partial tile at `level` of a tree of `size`: 0 if there is none."""
    return int(size // TILE_WIDTH ** max(level, 0) % TILE_WIDTH)


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """Entries as a bundle."""
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def decode_entries(data: bytes, what: str) -> list[bytes]:
    """The entries of a bundle; `IntegrityError` names `what` if it ends in the middle of one."""
    entries, position, end = [], 0, len(data)
    while position < end:
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        entries.append(data[start:position])
    if position != end:
        raise IntegrityError(f"{what} ends within an entry: it was cut or altered")
    return entries


def split_hashes(data: bytes, what: str) -> list[bytes]:
    """The hashes of a tile; `IntegrityError` names `what` if its length is none of a tile."""
    if len(data) % HASH_SIZE or not 0 < len(data) <= TILE_WIDTH * HASH_SIZE:
        raise IntegrityError(f"{what} has {len(data)} bytes, a tile has 1 to {TILE_WIDTH} hashes of {HASH_SIZE}")
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]
