"""A log's checkpoints as the store keeps them: every signed note, by size and digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evidence.canonical import sha256
from evidence.errors import IntegrityError
from evidence.verify.formats import merkle, notes
from evidence.verify.formats.checkpoint import Checkpoint
from evidence.verify.formats.errors import FormatError, ProofError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from evidence.ledger.stored import Stored
    from evidence.stores.base import Store

PREFIX = "ledger/checkpoint/"


class Heads:
    """The checkpoints of the log `origin`."""

    def __init__(self, store: Store, origin: str) -> None:
        self._store = store
        self._origin = origin
        self.latest: bytes | None = None

    def all(self) -> Iterator[bytes]:
        """Every note, by ascending size."""
        for key in self._store.list(PREFIX):
            yield self._store.get(key)

    def reload(self) -> bytes | None:
        """Look for the note of the largest size, the one with the most signatures if there are several."""
        keys = list(self._store.list(PREFIX))
        largest = [key for key in keys if key.rpartition("/")[0] == keys[-1].rpartition("/")[0]]
        found = [self._store.get(key) for key in largest]
        self.latest = max(found, key=lambda note: len(read(note)[0].signatures), default=None)
        return self.latest

    def keep(self, note: bytes, retain_until: datetime | None) -> None:
        """Keep `note` for ever."""
        size = read(note)[1].size
        self._store.put(f"{PREFIX}{size:012d}/{sha256(note)}", note, retain_until=retain_until)

    def refuse_fork(self, note: bytes, log: Stored) -> None:
        """`IntegrityError` unless `log` as it is now extends the checkpoint in `note`."""
        head = read(note)[1]
        size, root = log.frontier.size, log.frontier.root()
        same = head.origin == self._origin and head.size <= size
        if same and head.size:
            try:
                merkle.verify_consistency((head.size, head.root), (size, root), log.tree.consistency(head.size, size))
            except ProofError:
                same = False
        if not same:
            raise IntegrityError(
                f"the log {self._origin} of {size} leaves does not extend the checkpoint {head.origin} {head.size}",
                next_step="Sign nothing. Find out which statements were altered: `verify` names the first.",
            )


def read(note: bytes) -> tuple[notes.Note, Checkpoint]:
    """A signed checkpoint as parsed; `IntegrityError` if the store holds something else in its place."""
    try:
        parsed = notes.parse(note)
        return parsed, Checkpoint.parse(parsed.text)
    except FormatError as error:
        raise IntegrityError(f"a checkpoint in the store is malformed: {error}") from error
