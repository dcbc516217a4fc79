"""Reading a whole log again: whatever is altered behind its back is found, by name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from evidence.canonical import canonical
from evidence.errors import EvidenceError, IntegrityError, StoreError
from evidence.ledger import keys
from evidence.ledger.log import Log
from tests.evidence.ledger_stores import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
ORIGIN = "log.example/evidence"
BATCH = "ledger/batch/000000000300"


@pytest.fixture
def made(tmp_path: Path) -> tuple[dict[str, bytes], keys.FileSigner]:
    """The objects of a log of 600 statements with two checkpoints, and its key."""
    signer = keys.generate(tmp_path / "log.key", ORIGIN)
    objects: dict[str, bytes] = {}
    log = Log.open(MemoryStore(objects), tmp_path / "state", ORIGIN)
    for start in (0, 300):
        log.append([canonical({"n": n}) for n in range(start, start + 300)])
        log.checkpoint(signer, NOW)
    return objects, signer


def flip(data: bytes, position: int) -> bytes:
    """One bit changed."""
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def read_all(objects: dict[str, bytes], state: Path, signer: keys.Signer) -> None:
    """Open the log and read it again."""
    Log.open(MemoryStore(dict(objects)), state, ORIGIN).verify([keys.log_key(signer)])


def test_every_altered_object_is_found(tmp_path: Path, made: tuple[dict[str, bytes], keys.FileSigner]) -> None:
    """A bit flipped in any object is found by who wrote the log and by a fresh reader."""
    objects, signer = made
    for number, key in enumerate(sorted(objects)):
        tampered = {**objects, key: flip(objects[key], len(objects[key]) // 2)}
        for state in (tmp_path / "state", tmp_path / f"fresh-{number}"):
            with pytest.raises(EvidenceError, match=r"ledger|log|checkpoint|statement"):
                read_all(tampered, state, signer)


def test_every_lost_object_is_found(tmp_path: Path, made: tuple[dict[str, bytes], keys.FileSigner]) -> None:
    """A batch, a full tile or a bundle that is gone is found.

    A lost note is seen only by who holds a copy (witnesses, packs); a partial tile may go by the specification.
    """
    objects, signer = made
    lost = [key for key in sorted(objects) if key.startswith(("ledger/batch", "ledger/tile")) and ".p/" not in key]

    assert len(lost) == 6
    for key in lost:
        with pytest.raises(IntegrityError, match=r"missing from the store|breaks off|holds 0|another root|it was cut"):
            read_all({k: v for k, v in objects.items() if k != key}, tmp_path / "state", signer)


def _cut(objects: dict[str, bytes]) -> None:
    del objects[BATCH]


def _surplus_batch(objects: dict[str, bytes]) -> None:
    objects["ledger/batch/000000000700"] = objects[BATCH]


def _surplus_tile(objects: dict[str, bytes]) -> None:
    objects["ledger/tile/0/002.p/250"] = objects["ledger/tile/0/000"][: 250 * 32]


def _odd_path(objects: dict[str, bytes]) -> None:
    objects["ledger/tile/0/1"] = b""


def _empty_batch(objects: dict[str, bytes]) -> None:
    objects["ledger/batch/000000000600"] = b""


def _not_canonical(objects: dict[str, bytes]) -> None:
    objects["ledger/batch/000000000600"] = b"\x00\x08" + b'{"n": 1}'


def _other_note(objects: dict[str, bytes]) -> None:
    key = max(key for key in objects if "/checkpoint/" in key)
    objects[key] = objects[key].replace(ORIGIN.encode(), b"other.example")


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (_cut, "differs from|speaks of 600 statements|gives another root|missing|follows"),
        (_surplus_batch, "000700 follows no batch: the log breaks off at 600"),
        (_surplus_tile, r"002\.p/250 follows from no statement"),
        (_odd_path, "is not the path of a tile"),
        (_empty_batch, "000600 is empty"),
        (_not_canonical, "not in canonical form"),
        (_other_note, "speaks for 'other.example'"),
    ],
)
def test_shape_of_the_log(
    tmp_path: Path,
    made: tuple[dict[str, bytes], keys.FileSigner],
    tamper: Callable[[dict[str, bytes]], None],
    message: str,
) -> None:
    """Objects too many, too few or of another log are refused with the first of them."""
    objects, _ = made
    tamper(objects)
    with pytest.raises(IntegrityError, match=message):
        Log.open(MemoryStore(objects), tmp_path / "new", ORIGIN).verify()


def test_a_rewritten_log_is_not_signed(tmp_path: Path, made: tuple[dict[str, bytes], keys.FileSigner]) -> None:
    """A consistent rewrite of statements that a checkpoint covers is refused at the next signing."""
    objects, signer = made
    notes = {key: data for key, data in objects.items() if "/checkpoint/" in key}
    rewritten: dict[str, bytes] = {}
    forged = Log.open(MemoryStore(rewritten), tmp_path / "forged", ORIGIN)
    forged.append([canonical({"forged": n}) for n in range(700)])
    log = Log.open(MemoryStore({**rewritten, **notes}), tmp_path / "new", ORIGIN)
    with pytest.raises(IntegrityError, match="does not extend the checkpoint"):
        log.checkpoint(signer, NOW)
    with pytest.raises(IntegrityError, match="has another root than the statements"):
        log.verify()


def test_signatures_are_checked_with_keys(tmp_path: Path, made: tuple[dict[str, bytes], keys.FileSigner]) -> None:
    """Checkpoints under another key are refused when keys are given, and the result says when none were."""
    objects, signer = made
    log = Log.open(MemoryStore(objects), tmp_path / "state", ORIGIN)
    other = keys.generate(tmp_path / "other.key", ORIGIN)

    assert log.verify([keys.log_key(signer)]).signatures_checked
    assert not log.verify().signatures_checked
    assert log.verify().checkpoints == 2
    with pytest.raises(IntegrityError, match="not signed by the log"):
        log.verify([keys.log_key(other)])


def test_state_is_only_a_hint(tmp_path: Path, made: tuple[dict[str, bytes], keys.FileSigner]) -> None:
    """A state that is broken says what to do; a state of a longer log is found out."""
    objects, _ = made
    (tmp_path / "state/state.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        Log.open(MemoryStore(objects), tmp_path / "state", ORIGIN)
    ahead = dict(objects)
    Log.open(MemoryStore(ahead), tmp_path / "ahead", ORIGIN).append([b'{"n":9999}'])
    with pytest.raises(IntegrityError, match="gives another root than the 600 statements"):
        Log.open(MemoryStore(objects), tmp_path / "ahead", ORIGIN).verify()
