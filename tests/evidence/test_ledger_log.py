"""The log: appended once, provable, recoverable from the store alone after a crash at any write."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.canonical import canonical
from evidence.errors import ConfigError, IntegrityError, StoreError
from evidence.ledger import keys
from evidence.ledger.log import Log
from evidence.stores.file import FileStore
from evidence.verify.formats import merkle, notes
from evidence.verify.formats.policy import parse_policy
from evidence.verify.formats.proof import Proof
from tests.evidence.ledger_stores import FailingStore, MemoryStore

if TYPE_CHECKING:
    from evidence.ledger.audit import Audit

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
ORIGIN = "log.example/evidence"


def statements(start: int, end: int) -> list[bytes]:
    """Distinct canonical statements."""
    return [canonical({"kind": "test", "n": n}) for n in range(start, end)]


@pytest.fixture
def signer(tmp_path: Path) -> keys.FileSigner:
    """The log's key."""
    return keys.generate(tmp_path / "log.key", ORIGIN)


def checked(log: Log, expected: list[bytes], signer: keys.Signer | None = None) -> Audit:
    """Read the whole log again; it must hold exactly `expected`."""
    found = log.verify([keys.log_key(signer)] if signer else [])

    assert found.size == len(expected) == log.size
    assert found.root == merkle.root([merkle.leaf_hash(entry) for entry in expected])
    assert list(log.entries(0, log.size)) == expected

    return found


def test_append_gives_indices_and_is_idempotent(tmp_path: Path) -> None:
    """A statement gets one index for ever, within an append and across appends."""
    log = Log.open(MemoryStore(), tmp_path, ORIGIN)
    a, b, c = statements(0, 3)

    assert log.append([a, b, a]) == (0, 1, 0)
    assert log.append([c, b]) == (2, 1)
    assert log.append([]) == ()
    checked(log, [a, b, c])


def test_statements_are_found_by_their_kind(tmp_path: Path) -> None:
    """In order, whole; one that only mentions a kind inside is not of it."""
    log = Log.open(MemoryStore(), tmp_path, ORIGIN)
    said = [{"kind": "a", "n": 1}, {"kind": "b", "of": {"kind": "a"}}, {"kind": "c"}, {"kind": "a", "n": 2}]
    log.append([canonical(one) for one in said])

    assert list(log.stated("a")) == [said[0], said[3]]
    assert list(log.stated("a", "b")) == [said[0], said[1], said[3]]
    assert list(log.stated("d")) == []


@pytest.mark.parametrize("step", [1, 100, 255, 256, 257, 700])
def test_appends_of_any_width(tmp_path: Path, signer: keys.FileSigner, step: int) -> None:
    """Full and partial tiles come out right however appends fall on them; the whole log is read after every step."""
    store, total = MemoryStore(), 12 if step == 1 else 1500
    log, everything = Log.open(store, tmp_path / "state", ORIGIN), statements(0, total)
    for start in range(0, total, step):
        log.append(everything[start : start + step])
        log.checkpoint(signer, NOW)
        checked(log, everything[: start + step], signer)
    rebuilt = Log.open(store, tmp_path / "other", ORIGIN)

    assert rebuilt.root() == log.root()
    assert rebuilt.latest() == log.latest()
    checked(rebuilt, everything, signer)


def test_steady_state_writes(tmp_path: Path, signer: keys.FileSigner) -> None:
    """One more statement costs one object; its checkpoint the note and the partial tiles."""
    store = MemoryStore()
    log = Log.open(store, tmp_path / "state", ORIGIN)
    log.append(statements(0, 300))
    before = store.puts
    log.append(statements(300, 301))

    assert store.puts - before == 1

    log.checkpoint(signer, NOW)

    assert store.puts - before == 1 + 4  # bundle, level 0, level 1, note


@pytest.mark.parametrize(
    "bad", [b"", b"{", b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1,"a":1}', b'{"a":1.5}', b"x" * 65_536]
)
def test_refuses_what_is_no_statement(tmp_path: Path, bad: bytes) -> None:
    """Only canonical JSON that fits a bundle is appended, and nothing beside it."""
    log = Log.open(MemoryStore(), tmp_path, ORIGIN)
    with pytest.raises(ValueError, match="statement"):
        log.append([*statements(0, 1), bad])

    checked(log, [])


def test_largest_statement(tmp_path: Path) -> None:
    """65,535 bytes fit; many of them are cut into several batches."""
    store = MemoryStore()
    log = Log.open(store, tmp_path, ORIGIN)
    large = [canonical("x" * (65_535 - 2 - 4) + f"{n:04d}") for n in range(600)]

    assert log.append(large) == tuple(range(600))
    assert len(list(store.list("ledger/batch/"))) == 3
    checked(log, large)


@given(data=st.data(), size=st.integers(1, 1200))
@settings(max_examples=40, deadline=None)
def test_proofs_of_any_index_and_size(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, size: int) -> None:
    """Every inclusion and consistency proof out of tiles is the one that RFC 6962 defines, and verifies."""
    folder = tmp_path_factory.mktemp("log")
    log, everything = Log.open(MemoryStore(), folder, ORIGIN), statements(0, size)
    log.append(everything)
    leaves = [merkle.leaf_hash(entry) for entry in everything]
    old = data.draw(st.integers(1, size), label="old")
    index = data.draw(st.integers(0, old - 1), label="index")
    proof = log.consistency(old)
    path = log._stored.tree.inclusion(index, old)
    old_root = log._stored.tree.root(old)

    assert proof == merkle.consistency_path(leaves, old)
    assert path == merkle.inclusion_path(leaves[:old], index)
    assert old_root == merkle.root(leaves[:old])
    merkle.verify_consistency((old, old_root), (size, log.root()), proof)
    merkle.verify_inclusion(leaves[index], index, old, path, old_root)


def test_inclusion_is_an_offline_proof(tmp_path: Path, signer: keys.FileSigner) -> None:
    """A proof verifies under a policy with the log's key alone, and for no other statement."""
    log, everything = Log.open(MemoryStore(), tmp_path / "state", ORIGIN), statements(0, 600)
    policy = parse_policy(f"log {keys.log_key(signer).vkey}\nquorum none\n".encode())
    log.append(everything)
    with pytest.raises(ConfigError, match="under no checkpoint"):
        log.inclusion(0)
    log.checkpoint(signer, NOW)
    log.append(statements(600, 700))
    proof = Proof.parse(log.inclusion(431, extra=b"receipt"))

    assert proof.verify(everything[431], policy).checkpoint.size == 600
    assert proof.extra == b"receipt"
    with pytest.raises(ValueError, match="does not lead to the root"):
        proof.verify(everything[430], policy)
    with pytest.raises(ConfigError, match="covers 600 of 700"):
        log.inclusion(600)
    with pytest.raises(ConfigError, match="holds 0 to 700"):
        log.entries(0, 701)


@pytest.mark.slow
def test_crash_where_a_second_level_fills(tmp_path: Path, signer: keys.FileSigner) -> None:
    """The same at the append that completes a tile of level 1: batch, bundle, both tiles, partial tiles, note."""
    everything = statements(0, 65_600)
    base: dict[str, bytes] = {}
    Log.open(MemoryStore(base), tmp_path / "base", ORIGIN).append(everything[:65_500])
    for persists, at in itertools.product((False, True), range(1, 8)):
        objects, state = dict(base), tmp_path / f"{persists}-{at}"
        shutil.copytree(tmp_path / "base", state)
        with pytest.raises(StoreError, match="crashed at ledger"):  # noqa: PT012 - any of the two may be the one
            log = Log.open(FailingStore(objects, at=at, persists=persists), state, ORIGIN)
            log.append(everything[65_400:])
            log.checkpoint(signer, NOW)
        log = Log.open(MemoryStore(objects), state, ORIGIN)
        log.append(everything[65_400:])
        log.checkpoint(signer, NOW)
        checked(log, everything, signer)


def test_crash_matrix_small(tmp_path: Path, signer: keys.FileSigner) -> None:
    """Every put of a small log fails once, persisted and not; after each the whole log is read again."""
    everything = statements(0, 520)
    for persists in (False, True):
        for at in range(100):
            objects: dict[str, bytes] = {}
            state = tmp_path / f"{persists}-{at}"
            store = FailingStore(objects, at=at, persists=persists)
            try:
                log = Log.open(store, state, ORIGIN)
                for end in (200, 400, 520):
                    log.append(everything[:end])
                    log.checkpoint(signer, NOW)
            except StoreError:
                pass
            else:
                break
            again = Log.open(MemoryStore(objects), state, ORIGIN)
            checked(again, everything[: again.size], signer)

            assert again.append(everything) == tuple(range(520))
            again.checkpoint(signer, NOW)
            checked(again, everything, signer)
            checked(Log.open(MemoryStore(objects), tmp_path / f"new-{persists}-{at}", ORIGIN), everything, signer)
        assert at > 15


WRITER = """
import sys
from pathlib import Path
from evidence.canonical import canonical
from evidence.ledger.log import Log
from evidence.stores.file import FileStore
store, state, name = sys.argv[1:]
log = Log.open(FileStore(Path(store)), Path(state), "log.example/evidence")
for n in range(10**6):
    indices = log.append([canonical({"by": name, "n": n, "part": part}) for part in range(40)])
    print(n, indices[0], flush=True)
"""


def start_writer(store: Path, state: Path, name: str) -> subprocess.Popen[bytes]:
    """A process that appends until it is killed, and prints what was acknowledged."""
    arguments = [sys.executable, "-c", WRITER, str(store), str(state), name]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())})


@pytest.mark.slow
@pytest.mark.parametrize("apart", [False, True], ids=["one-state", "state-each"])
def test_two_writers_killed(tmp_path: Path, *, apart: bool) -> None:
    """Two processes append at once and die by kill -9: no acknowledged statement is lost, none stands twice."""
    for seconds in (0.5, 0.8, 1.1):
        states = [tmp_path / "a", tmp_path / ("b" if apart else "a")]
        writers = [start_writer(tmp_path / "store", state, f"{n}-{seconds}") for n, state in enumerate(states)]
        time.sleep(seconds)
        printed = []
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            printed.append(writer.communicate()[0].decode().rsplit("\n", 1)[0].split("\n"))
        log = Log.open(FileStore(tmp_path / "store"), tmp_path / "a", ORIGIN)
        held = list(log.entries(0, log.size))
        checked(log, held)

        assert len(set(held)) == len(held)
        for name, lines in enumerate(printed):
            for n, first in (line.split() for line in lines if line):
                assert held[int(first)] == canonical({"by": f"{name}-{seconds}", "n": int(n), "part": 0})


def append_many(store: Path, state: Path, start: int) -> None:
    """Append overlapping ranges, one statement at a time."""
    log = Log.open(FileStore(store), state, ORIGIN)
    for n in range(start, start + 30):
        log.append(statements(n, n + 1))


def test_two_writers_same_statements(tmp_path: Path) -> None:
    """Writers of overlapping statements on two machines agree on one order without repeats."""
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=append_many, args=(tmp_path / "store", tmp_path / str(n), n * 15)) for n in range(2)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    log = Log.open(FileStore(tmp_path / "store"), tmp_path / "0", ORIGIN)

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert sorted(log.entries(0, log.size)) == sorted(statements(0, 45))
    checked(log, list(log.entries(0, log.size)))


def test_a_store_holds_one_log(tmp_path: Path, signer: keys.FileSigner) -> None:
    """Another origin in the same store is refused, and so is a key of another name."""
    store = MemoryStore()
    Log.open(store, tmp_path / "a", ORIGIN)
    with pytest.raises(ConfigError, match=r"holds the log 'log\.example/evidence'"):
        Log.open(store, tmp_path / "b", "other.example")
    other = Log.open(MemoryStore(), tmp_path / "c", "other.example")
    with pytest.raises(ConfigError, match="must be the same"):
        other.checkpoint(signer, NOW)
    with pytest.raises(ValueError, match="no time zone"):
        other.checkpoint(signer, NOW.replace(tzinfo=None))


def test_cosigned_notes_become_the_latest(tmp_path: Path, signer: keys.FileSigner) -> None:
    """A cosigned copy is kept beside the log's own note and is what proofs carry."""
    log = Log.open(MemoryStore(), tmp_path / "state", ORIGIN)
    witness = keys.generate(tmp_path / "w.key", "witness.example", kind=keys.WITNESS)
    log.append(statements(0, 3))
    note = log.checkpoint(signer, NOW)
    whole = log.cosigned(note, [keys.cosign(notes.parse(note).text, witness, NOW)])

    assert log.latest() == whole
    assert log.checkpoint(signer, NOW) == note
    assert log.latest() == whole
    assert sorted([note, whole]) == sorted(log.checkpoints())
    assert (tmp_path / "state/checkpoint").read_bytes() == whole
    assert (tmp_path / "state/signed_at").read_text() == "2026-07-01T06:00:00+00:00"
    with pytest.raises(IntegrityError, match="does not extend"):
        log.cosigned(note.replace(b"\n3\n", b"\n4\n"), [])
    checked(log, statements(0, 3), signer)
