"""Reading a whole log again: every batch, tile, bundle and checkpoint against every other.

- The batches are the log; tiles, bundles and roots are computed from them anew and compared byte for byte.
- Nothing may be missing, nothing may be there that does not follow from the batches.
- What this cannot see: a log that was rewritten as a whole, keys included. For that, compare with checkpoints that
  others hold (witnesses, packs, the auditor).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evidence.errors import IntegrityError
from evidence.ledger import batches
from evidence.ledger.heads import Heads, read
from evidence.ledger.tiles import TILE_WIDTH, TilePath, decode_entries, encode_entries
from evidence.ledger.tree import Frontier
from evidence.verify.formats import notes
from evidence.verify.formats.encoding import HASH_SIZE
from evidence.verify.formats.errors import ProofError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evidence.stores.base import Store
    from evidence.verify.formats.checkpoint import Checkpoint

_LEDGER = "ledger/"
_TILES = f"{_LEDGER}tile/"


@dataclass(frozen=True, slots=True)
class Audit:
    """What was read and found consistent.

    Attributes:
        size: statements in the log.
        root: Merkle root over them.
        batches: batch objects read.
        tiles: tiles and bundles compared, partial ones too.
        checkpoints: signed notes compared with the root of their size.
        signatures_checked: whether keys were given to check their signatures with.
    """

    size: int
    root: bytes
    batches: int
    tiles: int
    checkpoints: int
    signatures_checked: bool


def audit(store: Store, origin: str, keys: Sequence[notes.Ed25519Key]) -> Audit:
    """Read everything of the log `origin` in `store`; `IntegrityError` at the first thing that does not fit."""
    reading = _Reading(store, origin, keys)
    count = 0
    while store.exists(key := batches.batch_key(reading.frontier.size)):
        reading.batch(key, decode_entries(store.get(key), key))
        count += 1
    surplus = set(store.list(batches.PREFIX)) - reading.batches
    if surplus:
        raise IntegrityError(f"{min(surplus)} follows no batch: the log breaks off at {reading.frontier.size}")
    reading.finish()
    return Audit(
        reading.frontier.size, reading.frontier.root(), count, reading.compared, reading.heads_seen, bool(keys)
    )


class _Reading:
    """The tree as computed so far, and what the store holds that was not compared yet."""

    def __init__(self, store: Store, origin: str, keys: Sequence[notes.Ed25519Key]) -> None:
        self._store, self._origin, self._keys = store, origin, keys
        self._open: dict[tuple[int, int], set[int]] = defaultdict(set)  # widths per tile
        for key in store.list(_TILES):
            path = TilePath.parse(key.removeprefix(_LEDGER))
            self._open[path.level, path.index].add(path.width)
        self._heads: dict[int, list[Checkpoint]] = defaultdict(list)
        self.heads_seen = self.compared = 0
        for note in Heads(store, origin).all():
            self._head(note)
        self.frontier = Frontier()
        self.batches: set[str] = set()
        self._check_heads()

    def _head(self, note: bytes) -> None:
        _, head = read(note)
        if head.origin != self._origin:
            raise IntegrityError(f"a checkpoint speaks for {head.origin!r}, the log is {self._origin!r}")
        if self._keys:
            try:
                notes.open_note(note, self._keys)
            except ProofError as error:
                raise IntegrityError(f"the checkpoint of size {head.size} is not signed by the log: {error}") from error
        self._heads[head.size].append(head)

    def batch(self, key: str, entries: list[bytes]) -> None:
        """Append a batch, stopping wherever a checkpoint speaks."""
        if not entries:
            raise IntegrityError(f"{key} is empty: a batch holds at least one statement")
        self.batches.add(key)
        for entry in entries:
            try:
                batches.check_statement(entry)
            except ValueError as error:
                raise IntegrityError(f"{key}: {error}") from error
        first, last = self.frontier.size, self.frontier.size + len(entries)
        stops = sorted({size - first for size in self._heads if first < size < last} | {len(entries)})
        for start, stop in zip([0, *stops], stops, strict=False):
            for path, data in self.frontier.extend(entries[start:stop]):
                if TILE_WIDTH not in self._open[path.level, path.index]:
                    raise IntegrityError(f"{_LEDGER}{path} is missing from the store")
                self._compare(path, data)
            self._check_heads()

    def _check_heads(self) -> None:
        for head in self._heads.pop(self.frontier.size, ()):
            self.heads_seen += 1
            if head.root != self.frontier.root():
                raise IntegrityError(f"the checkpoint of size {head.size} has another root than the statements")

    def finish(self) -> None:
        """Compare the unfinished tiles, and refuse what is left over."""
        for path, data in self.frontier.partials():
            self._compare(path, data)
        if self._heads:
            raise IntegrityError(
                f"a checkpoint speaks of {max(self._heads)} statements, the log holds {self.frontier.size}: it was cut"
            )
        for (level, index), widths in self._open.items():
            if widths:
                raise IntegrityError(f"{_LEDGER}{TilePath(level, index, max(widths))} follows from no statement")

    def _compare(self, path: TilePath, data: bytes) -> None:
        """Compare every stored width of a tile up to that of `path` with the beginning of `data`."""
        widths = self._open[path.level, path.index]
        for width in sorted(width for width in widths if width <= path.width):
            stored = TilePath(path.level, path.index, width)
            if self._store.get(f"{_LEDGER}{stored}") != _beginning(path, data, width):
                raise IntegrityError(f"{_LEDGER}{stored} differs from what the statements give")
            self.compared += 1
            widths.discard(width)


def _beginning(path: TilePath, data: bytes, width: int) -> bytes:
    if width == path.width:
        return data
    if path.level < 0:
        return encode_entries(decode_entries(data, str(path))[:width])
    return data[: width * HASH_SIZE]
