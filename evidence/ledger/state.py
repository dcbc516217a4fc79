"""What a log remembers between runs: its right edge, an index of its leaves, a lock. All of it can be rebuilt.

- The store is the log; this folder only saves reading it again. Losing the folder loses nothing.
- `locked()` keeps writers on one machine apart; on several machines the store's write-once rule does.
- The edge and the index change in one SQLite transaction, after the store has everything that they speak of.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from evidence.errors import StoreError
from evidence.ledger.locking import locked
from evidence.ledger.tiles import decode_entries, encode_entries, split_hashes
from evidence.ledger.tree import Frontier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS edge (level INTEGER PRIMARY KEY, size INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS leaf (prefix INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (prefix, position))
    WITHOUT ROWID;
"""


class State:
    """The state of one log in the folder `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._database = folder / "state.sqlite"
        with self._connected() as connection:
            connection.executescript(_SCHEMA)

    def locked(self) -> AbstractContextManager[None]:
        """Be the only writer on this machine until the block ends; others wait."""
        return locked(self.folder)

    def load(self) -> Frontier:
        """The right edge as last saved; an empty one if none was."""
        with self._connected() as connection:
            rows = connection.execute("SELECT level, size, data FROM edge ORDER BY level").fetchall()
        frontier = Frontier()
        if rows:
            frontier.size = int(rows[0][1])
            frontier.entries = decode_entries(rows[0][2], f"{self._database}: edge")
            frontier.levels = [split_hashes(data, f"{self._database}: edge") if data else [] for _, _, data in rows[1:]]
        return frontier

    def save(self, frontier: Frontier, leaves: Sequence[bytes]) -> None:
        """Keep the edge, and the positions of the `leaves` (hashes) that end at it."""
        first = frontier.size - len(leaves)
        rows = sorted((prefix_of(leaf), first + n) for n, leaf in enumerate(leaves))
        blobs = [encode_entries(frontier.entries), *(b"".join(hashes) for hashes in frontier.levels)]
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR IGNORE INTO leaf VALUES (?, ?)", rows)
            connection.executemany(
                "INSERT OR REPLACE INTO edge VALUES (?, ?, ?)",
                [(level - 1, frontier.size, blob) for level, blob in enumerate(blobs)],
            )
            connection.execute("COMMIT")

    def candidates(self, leaves: Iterable[bytes]) -> dict[int, list[int]]:
        """Per prefix of a leaf hash, the positions that may hold it: to be compared with the tree's own hash."""
        found: dict[int, list[int]] = {}
        query = "SELECT leaf.prefix, leaf.position FROM json_each(?) JOIN leaf ON leaf.prefix = json_each.value"
        with self._connected() as connection:
            for prefix, position in connection.execute(query, (json.dumps([prefix_of(leaf) for leaf in leaves]),)):
                found.setdefault(prefix, []).append(position)
        return found

    def publish(self, name: str, data: bytes) -> None:
        """Replace the file `name` of this folder by `data`, whole or not at all."""
        temporary = self.folder / f".{name}.{os.getpid()}.new"
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.folder / name)
        except OSError as error:
            raise StoreError(f"cannot write {self.folder / name}: {error}", next_step="Look at that disk.") from error

    def read(self, name: str) -> bytes | None:
        """What `publish` left under `name`; None if nothing."""
        path = self.folder / name
        return path.read_bytes() if path.exists() else None

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._database, timeout=60, isolation_level=None)) as connection:
                connection.execute("PRAGMA cache_size = -65536")  # KiB: the index is filled in random order
                yield connection
        except sqlite3.Error as error:
            raise StoreError(
                f"the ledger's state {self._database} cannot be used: {error}",
                next_step="Move that folder away and run again: it is rebuilt from the store.",
            ) from error


def prefix_of(leaf: bytes) -> int:
    """The index key of a leaf hash: its first eight bytes as a signed integer."""
    return int.from_bytes(leaf[:8], "big", signed=True)
