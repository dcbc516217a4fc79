"""The log: statements appended once, for ever, with proofs of where they stand.

- The log is what the store holds: `ledger/batch/<first index>` objects, each an append as it was committed. From them
  alone everything else can be rebuilt; `state_dir` only saves doing so. Lose it, and the next `open` reads the batches.
- `append` returns after its batch is durable. A crash before leaves nothing; a crash after leaves a batch whose tiles
  the next `open` completes. An append that is tried again finds its statements and gives their first indices.
- Full tiles and bundles lie in the store as c2sp.org/tlog-tiles under `ledger/`, with the partial ones of each
  checkpoint: any reader of that format can follow the log.
- A checkpoint is signed only after a proof that the log extends the last one.
- Two writers do no harm: on one machine they wait for each other, on two the store's write-once batch decides.

Layout in the store::

    ledger/origin                               who this log is
    ledger/batch/000000000512                   the entries of one append, from index 512
    ledger/tile/0/000  ledger/tile/entries/000  full tiles and bundles; 000.p/17 the partial ones of a checkpoint
    ledger/checkpoint/000000000529/<sha256>     signed notes of that size: the log's own, and with cosignatures

In `state_dir`: `checkpoint` (the latest note), `signed_at`, `state.sqlite`, `lock`.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from evidence.errors import ConfigError, IntegrityError
from evidence.ledger import audit
from evidence.ledger.batches import batch_key, batches, check_statement
from evidence.ledger.heads import Heads, read
from evidence.ledger.keys import sign_note
from evidence.ledger.state import State, prefix_of
from evidence.ledger.stored import Stored
from evidence.ledger.tiles import decode_entries, encode_entries
from evidence.verify.formats import merkle, notes
from evidence.verify.formats.checkpoint import Checkpoint
from evidence.verify.formats.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from evidence.ledger.keys import Signer
    from evidence.ledger.tree import Frontier
    from evidence.stores.base import Store


class Log:
    """One append-only log in a store. Open it with `Log.open`."""

    def __init__(self, store: Store, state: State, origin: str, retain_until: datetime | None) -> None:
        self._store = store
        self._state = state
        self.retain_until = retain_until
        self._stored = Stored(store)
        self._heads = Heads(store, origin)
        self.origin = origin

    @classmethod
    def open(cls, store: Store, state_dir: Path, origin: str, *, retain_until: datetime | None = None) -> Log:
        """Open the log `origin` in `store`, or begin it; completes what a crash left half done.

        Args:
            store: where the log lies, for ever.
            state_dir: a folder of this log's own on this machine; may be empty or lost.
            origin: the log's name, as in its checkpoints and key.
            retain_until: until when what is written from now on must be kept.

        Raises:
            ConfigError: if the store holds another log.
            IntegrityError: if what the store holds does not fit together.
        """
        notes.check_name(origin)
        log = cls(store, State(state_dir), origin, retain_until)
        log._claim()
        log.refresh()
        return log

    # Appending.

    def append(self, statements: Iterable[bytes]) -> tuple[int, ...]:
        """Append the statements that are not in the log yet, and return the index of each, in the order given.

        Raises:
            ValueError: if a statement is not canonical JSON of at most 65,535 bytes; nothing is appended then.
            StoreError: if the store failed; what it had accepted stays, and appending again is safe.
        """
        entries = list(statements)
        for entry in entries:
            check_statement(entry)
        wanted = {merkle.leaf_hash(entry): entry for entry in entries}
        with self._state.locked():
            self._catch_up()
            known = self._find(wanted)
            while missing := [leaf for leaf in wanted if leaf not in known]:
                for batch in batches([wanted[leaf] for leaf in missing]):
                    first = self.size
                    if not self._commit(batch):
                        known |= self._find(missing)
                        break  # a writer elsewhere was first: what is missing may have changed
                    known.update((merkle.leaf_hash(entry), first + n) for n, entry in enumerate(batch))
        return tuple(known[merkle.leaf_hash(entry)] for entry in entries)

    def _commit(self, batch: Sequence[bytes]) -> bool:
        """Write a batch, from which moment it is in the log; False if another writer took its place."""
        first = self.size
        try:
            self._put(batch_key(first), encode_entries(batch))
        except IntegrityError:
            self._catch_up()
            if self.size == first:
                raise
            return False
        self._apply(self._state.load(), batch)
        return True

    def _apply(self, frontier: Frontier, batch: Sequence[bytes]) -> None:
        """Complete the tiles of a batch that the store has, and only then remember it."""
        with self._store.batch():
            for path, data in frontier.extend(batch):
                self._put(f"ledger/{path}", data)
        self._state.save(frontier, [merkle.leaf_hash(entry) for entry in batch])
        self._stored.frontier = frontier

    def _catch_up(self) -> None:
        """Take over every batch that the store has and the state has not: by a crash, or by another writer."""
        self._stored.frontier = self._state.load()
        while self._store.exists(key := batch_key(self.size)):
            entries = decode_entries(self._store.get(key), key)
            if not entries:
                raise IntegrityError(f"{key} is empty: a batch holds at least one statement")
            self._apply(self._state.load(), entries)

    def _find(self, leaves: Iterable[bytes]) -> dict[bytes, int]:
        """The index of each leaf hash that is in the log; the state's index is believed only as a hint."""
        wanted = list(leaves)
        candidates = self._state.candidates(wanted)
        return {
            leaf: position
            for leaf in wanted
            for position in candidates.get(prefix_of(leaf), ())
            if position < self.size and self._stored.tree.leaf(position) == leaf
        }

    # Reading.

    @property
    def size(self) -> int:
        """Statements in the log, as this object last saw it."""
        return self._stored.frontier.size

    def root(self) -> bytes:
        """The Merkle root over all of them."""
        return self._stored.frontier.root()

    def refresh(self) -> int:
        """See what other writers did; the new size."""
        with self._state.locked():
            self._catch_up()
            self._heads.reload()
        return self.size

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """The statements from index `start` up to, not including, `end`."""
        self._within(start, end)
        return self._stored.entries(start, end)

    def stated(self, *kinds: str) -> Iterator[dict[str, Any]]:
        """The content of every statement of these kinds that this object has seen, in order; others are not parsed."""
        marks = [f'"kind":"{kind}"'.encode() for kind in kinds]
        for text in self.entries(0, self.size):
            if any(mark in text for mark in marks) and (value := json.loads(text))["kind"] in kinds:
                yield value

    def find(self, statement: bytes) -> int | None:
        """The index of a statement; None if it is not in the log, as this object last saw it."""
        leaf = merkle.leaf_hash(statement)
        return self._find([leaf]).get(leaf)

    def consistency(self, old_size: int, size: int | None = None) -> list[bytes]:
        """The proof that the tree of `size` (the latest if None) extends that of `old_size`; empty if that is 0."""
        new = self.size if size is None else size
        self._within(old_size, new)
        return self._stored.tree.consistency(old_size, new) if old_size else []

    def inclusion(self, index: int, *, extra: bytes | None = None) -> str:
        """The tlog-proof of the statement at `index` under the latest checkpoint, with `extra` data if any.

        Raises:
            ConfigError: if no checkpoint covers that index yet.
        """
        note = self.latest()
        size = read(note)[1].size if note else 0
        if note is None or not 0 <= index < size:
            raise ConfigError(
                f"statement {index} is under no checkpoint; the latest covers {size} of {self.size}",
                next_step="Sign a checkpoint, then ask again.",
            )
        return Proof(index, tuple(self._stored.tree.inclusion(index, size)), note, extra).encode()

    # Checkpoints.

    def checkpoint(self, signer: Signer, now: datetime) -> bytes:
        """Sign the log as it is now, keep the note in the store, and return it.

        `now` becomes `signed_at` in the state: a log's own word on time proves nothing. The time that counts stands
        in cosignatures and timestamps.

        Raises:
            ConfigError: if the key is not named as the log is.
            IntegrityError: if the log does not extend its last checkpoint; nothing is signed.
        """
        if now.tzinfo is None:
            raise ValueError(f"{now} has no time zone")
        if signer.name != self.origin:
            raise ConfigError(f"the key is named {signer.name!r}, the log {self.origin!r}: they must be the same")
        with self._state.locked():
            self._catch_up()
            last = self._heads.reload()
            if last is not None:
                self._heads.refuse_fork(last, self._stored)
            note = sign_note(Checkpoint(self.origin, self.size, self.root()).body(), signer)
            with self._store.batch():
                for path, data in self._stored.frontier.partials():
                    self._put(f"ledger/{path}", data)
            self._publish(note)
            self._state.publish("signed_at", now.isoformat().encode())
        return note

    def cosigned(self, note: bytes, signatures: Iterable[notes.Signature]) -> bytes:
        """Keep the checkpoint `note` with cosignatures too, which the caller has verified; the new note."""
        parsed, _ = read(note)
        new = tuple(signature for signature in signatures if signature not in parsed.signatures)
        whole = notes.Note(parsed.text, parsed.signatures + new).encode()
        with self._state.locked():
            self._catch_up()
            self._heads.refuse_fork(whole, self._stored)
            self._publish(whole)
        return whole

    def _publish(self, note: bytes) -> None:
        self._heads.keep(note, self.retain_until)
        latest = self._heads.reload()
        if latest is not None:
            self._state.publish("checkpoint", latest)

    def latest(self) -> bytes | None:
        """The latest checkpoint, with the most signatures; None before the first."""
        return self._heads.latest

    @property
    def signed_at(self) -> datetime | None:
        """When this machine last signed a checkpoint, by its own clock; None if it does not know."""
        stated = self._state.read("signed_at")
        return datetime.fromisoformat(stated.decode()) if stated else None

    def checkpoints(self) -> Iterator[bytes]:
        """Every signed note that the store keeps, by ascending size."""
        return self._heads.all()

    def verify(self, keys: Sequence[notes.Ed25519Key] = ()) -> audit.Audit:
        """Read the whole log again and compare everything with everything; `IntegrityError` at the first difference.

        Args:
            keys: the log's public keys, past and present; each checkpoint must be signed by one. Without keys no
                signature is checked, and the result says so.
        """
        with self._state.locked():
            self._catch_up()
            found = audit.audit(self._store, self.origin, keys)
        if (found.size, found.root) != (self.size, self.root()):
            raise IntegrityError(
                f"the state in {self._state.folder} gives another root than the {found.size} statements in the store",
                next_step="Move that folder away: it is rebuilt from the store.",
            )
        return found

    # Helpers.

    def _claim(self) -> None:
        try:
            self._put("ledger/origin", f"{self.origin}\n".encode())
        except IntegrityError as error:
            held = self._store.get("ledger/origin").decode(errors="replace").strip()
            raise ConfigError(f"the store holds the log {held!r}, asked for {self.origin!r}") from error

    def _put(self, key: str, data: bytes) -> None:
        self._store.put(key, data, retain_until=self.retain_until)

    def _within(self, start: int, end: int) -> None:
        if not 0 <= start <= end <= self.size:
            raise ConfigError(f"asked for statements {start} to {end}; the log holds 0 to {self.size}")
