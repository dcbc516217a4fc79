"""A witness (c2sp.org/tlog-witness): cosigns a log's checkpoint only if it extends the last one it cosigned.

- It believes the log's key that it was given, and its own memory: the latest cosigned checkpoint of each origin.
- Memory is durable before a cosignature leaves, and checked and replaced under one lock: no roll-back by a race.
- A fork is refused and the request kept: two signed checkpoints that do not fit are the proof against the log.
- Its folder and its key belong in other hands than the log's.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evidence.errors import ConfigError, IntegrityError
from evidence.ledger.keys import cosign
from evidence.ledger.locking import locked
from evidence.verify.formats import merkle, notes
from evidence.verify.formats.checkpoint import Checkpoint
from evidence.verify.formats.encoding import b64, decimal, hash_from_b64
from evidence.verify.formats.errors import FormatError, ProofError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from evidence.ledger.keys import Signer

MAX_PROOF = 63
"""Hashes in a consistency proof, at most."""


class Refusal(Exception):  # noqa: N818 - an answer of the protocol, not a failure of the witness
    """The witness does not cosign: HTTP status, body and content type of its answer."""

    def __init__(self, status: int, message: str, content_type: str = "text/plain; charset=utf-8") -> None:
        super().__init__(message)
        self.status = status
        self.content_type = content_type


@dataclass(frozen=True, slots=True)
class Request:
    """What `add-checkpoint` is sent: the size the log believes the witness has, the proof from there, the note."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The request's body."""
        lines = [f"old {self.old_size}", *map(b64, self.proof), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.note

    @classmethod
    def parse(cls, body: bytes) -> Request:
        """Read a request's body; `FormatError` if it is malformed."""
        head, blank, note = body.partition(b"\n\n")
        try:
            old, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise FormatError("the lines before the checkpoint are ASCII") from error
        if not blank or not old.startswith("old "):
            raise FormatError("a request is `old <size>`, proof lines, an empty line and a checkpoint")
        if len(lines) > MAX_PROOF:
            raise FormatError(f"{len(lines)} proof lines, at most {MAX_PROOF}")
        proof = tuple(hash_from_b64(line, "consistency proof") for line in lines)
        return cls(decimal(old.removeprefix("old "), "old size"), proof, note)


class Witness:
    """Cosigns checkpoints of known logs.

    Args:
        folder: its memory: one file per origin, and the forks that it refused.
        signer: its key, of kind `keys.WITNESS`.
        logs: the keys trusted for each origin.
    """

    def __init__(self, folder: Path, signer: Signer, logs: Mapping[str, Sequence[notes.Ed25519Key]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._signer = signer
        self._logs = logs

    def add_checkpoint(self, body: bytes, now: datetime) -> str:
        """The cosignature line for the checkpoint in a request; raises `Refusal` with the protocol's answer."""
        try:
            request = Request.parse(body)
            note = notes.parse(request.note)
            checkpoint = Checkpoint.parse(note.text)
        except FormatError as error:
            raise Refusal(400, str(error)) from error
        self._check_signature(request, checkpoint)
        if request.old_size > checkpoint.size:
            raise Refusal(400, f"old size {request.old_size} is above the checkpoint's {checkpoint.size}")
        with locked(self._folder):
            self._check_extends(request, checkpoint)
            self._remember(checkpoint.origin, request.note)
        return cosign(note.text, self._signer, now).line()

    def latest(self, origin: str) -> bytes | None:
        """The note of the latest checkpoint cosigned for `origin`; None if there is none."""
        path = self._path(origin)
        return path.read_bytes() if path.exists() else None

    def _check_signature(self, request: Request, checkpoint: Checkpoint) -> None:
        trusted = self._logs.get(checkpoint.origin)
        if trusted is None:
            raise Refusal(404, f"the log {checkpoint.origin!r} is not known here")
        try:
            notes.open_note(request.note, trusted)
        except ProofError as error:
            raise Refusal(403, str(error)) from error

    def _check_extends(self, request: Request, checkpoint: Checkpoint) -> None:
        size, root = self._head(checkpoint.origin)
        if request.old_size != size:
            raise Refusal(409, f"{size}\n", "text/x.tlog.size")
        if size == checkpoint.size and size and root != checkpoint.root:
            self._keep_fork(request.note)
            raise Refusal(409, f"{size}\n", "text/x.tlog.size")
        try:
            _check_proof((size, root), checkpoint, request.proof)
        except ProofError as error:
            self._keep_fork(request.note)
            raise Refusal(422, str(error)) from error

    def _head(self, origin: str) -> tuple[int, bytes]:
        note = self.latest(origin)
        if note is None:
            return 0, merkle.EMPTY_ROOT
        try:
            opened, _ = notes.open_note(note, self._logs[origin])
            head = Checkpoint.parse(opened.text)
        except (FormatError, ProofError) as error:
            raise IntegrityError(
                f"the witness's memory {self._path(origin)} does not verify: {error}",
                next_step="Do not reset it: restore it from a copy, or from the log's cosigned checkpoints.",
            ) from error
        return head.size, head.root

    def _remember(self, origin: str, note: bytes) -> None:
        self._write(self._path(origin), note)

    def _keep_fork(self, note: bytes) -> None:
        self._write(self._folder / f"refused-{hashlib.sha256(note).hexdigest()}", note)

    def _path(self, origin: str) -> Path:
        return self._folder / f"log-{hashlib.sha256(origin.encode()).hexdigest()}"

    def _write(self, path: Path, data: bytes) -> None:
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _check_proof(head: tuple[int, bytes], checkpoint: Checkpoint, proof: Sequence[bytes]) -> None:
    if head[0]:
        merkle.verify_consistency(head, (checkpoint.size, checkpoint.root), proof)
    elif proof:
        raise ProofError("a proof from the empty tree must be empty")


def known_logs(vkeys: Sequence[str]) -> dict[str, list[notes.Ed25519Key]]:
    """The logs of a witness from their vkeys, by origin; several keys of one name are a log in rotation."""
    logs: dict[str, list[notes.Ed25519Key]] = {}
    for vkey in vkeys:
        try:
            key = notes.Ed25519Key.parse(vkey)
        except FormatError as error:
            raise ConfigError(f"log key {vkey[:60]!r}: {error}") from error
        logs.setdefault(key.name, []).append(key)
    return logs
