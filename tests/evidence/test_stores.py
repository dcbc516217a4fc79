"""The contract of evidence/stores/base.py, run over every store."""

from __future__ import annotations

import hashlib
import inspect
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.errors import IntegrityError, StoreError
from evidence.stores.base import Retention, Store

if TYPE_CHECKING:
    from tests.evidence.conftest import Place

ROOT = Path(__file__).resolve().parents[2]
SOON = datetime(2033, 6, 1, tzinfo=UTC)
LATER = datetime(2034, 6, 1, tzinfo=UTC)

READ = "sys.stdout.buffer.write(store.get('a/b'))"
RACE = """
for number in range(20):
    try:
        print('new' if store.put(f'k/{number}', sys.argv[3].encode()) else 'same')
    except IntegrityError:
        print('refused')
"""
NAMES = st.text("abcXYZ019._=-", min_size=1, max_size=12).filter(lambda name: name not in {".", ".."})
KEYS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


def process(place: Place, code: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Another process that opened the same store as `store` and waits for a line before it runs `code`."""
    head = (
        "import sys, os; from pathlib import Path; from evidence.errors import IntegrityError\n"
        "from evidence.stores.registry import open_store\n"
        "store = open_store(sys.argv[1], cache=Path(sys.argv[2]), environ=os.environ); sys.stdin.readline()\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", head + code, place.url, str(place.cache), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **place.environ, "PYTHONPATH": str(ROOT)},
    )


def test_what_was_put_is_there_for_another_process(place: Place, store: Store) -> None:
    """When put returns, any process reads the same bytes."""
    assert store.put("a/b", b"bytes \x00\xff")

    output, _ = process(place, READ).communicate(b"\n", timeout=30)

    assert output == b"bytes \x00\xff"
    assert store.get("a/b") == b"bytes \x00\xff"


def test_the_same_bytes_are_fine(place: Place, store: Store) -> None:
    """The same bytes under the same key succeed again, from another handle too, and are not new."""
    assert store.put("a/b", b"one")

    assert not store.put("a/b", b"one")
    assert not place.open().put("a/b", b"one")


@pytest.mark.parametrize("other", [b"two", b"", b"one ", b"on"])
def test_other_bytes_are_refused(store: Store, other: bytes) -> None:
    """Other bytes under a key are an IntegrityError that names both digests, and change nothing."""
    store.put("a/b", b"one")

    with pytest.raises(IntegrityError, match=hashlib.sha256(other).hexdigest()):
        store.put("a/b", other)

    assert store.get("a/b") == b"one"


def test_an_empty_object_is_an_object(store: Store) -> None:
    """No bytes are bytes too."""
    assert store.put("empty", b"")

    assert store.exists("empty")
    assert store.get("empty") == b""
    assert not store.put("empty", b"")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "..",
        "a/../b",
        ".",
        "a/./b",
        "a b",
        "ä",
        "a\n",
        "a\\b",
        "a@",
        "x" * 201,
        "a/" * 450 + "a",
    ],
)
def test_keys_are_checked(store: Store, key: str) -> None:
    """A key that could leave the store, or that some store cannot hold, is refused by every verb."""
    for verb in (lambda k: store.put(k, b""), store.get, store.exists, store.local_path, store.retention, store.retain):
        with pytest.raises(StoreError, match="is not a relative path"):
            verb(key)


def test_a_missing_object_is_an_error(store: Store) -> None:
    """What is not there is said to be missing, with what to do; it never reads as empty."""
    store.put("a/b", b"one")

    for verb in (store.get, store.local_path, store.retention, store.retain):
        for key in ("a/c", "a", "a/b/c"):
            assert not store.exists(key)
            with pytest.raises(StoreError, match="no object") as caught:
                verb(key)
            assert "restore" in caught.value.next_step or "delete marker" in caught.value.next_step


def test_no_key_is_the_folder_of_another(store: Store) -> None:
    """A key below or above an existing one is refused and harms nothing."""
    store.put("a/b", b"one")

    with pytest.raises((StoreError, IntegrityError)):
        store.put("a", b"two")
    assert store.get("a/b") == b"one"


def test_list_is_ordered_by_whole_keys(store: Store) -> None:
    """Keys come in ascending order of their characters, by any beginning of a key."""
    keys = ["a-b/x", "a.b", "a/c", "a/d/e", "a0", "a=", "aa", "b"]
    for key in reversed(keys):
        store.put(key, key.encode())

    assert list(store.list("")) == sorted(keys)
    assert list(store.list("a/")) == ["a/c", "a/d/e"]
    assert list(store.list("a/d")) == ["a/d/e"]
    assert list(store.list("a")) == sorted(keys[:-1])
    assert list(store.list("a/d/e")) == ["a/d/e"]
    assert list(store.list("zz/")) == []
    with pytest.raises(StoreError, match="beginning of a key"):
        store.list("a b")


def test_list_of_a_store_that_nobody_wrote_to_is_empty(store: Store) -> None:
    """Reading creates nothing and fails on nothing."""
    assert list(store.list("")) == []
    assert not store.exists("a")


def test_there_is_no_delete_verb(store: Store) -> None:
    """No public verb removes, moves or replaces."""
    verbs = {name for name, _ in inspect.getmembers(store, callable) if not name.startswith("_")}

    assert verbs == {
        "put", "put_file", "get", "exists", "list", "local_path", "retention", "retain", "batch", "check_writable",
    }  # fmt: skip


def test_a_local_path_is_read_only_and_has_the_bytes(place: Place, store: Store) -> None:
    """The file has the object's bytes and nobody's permission to write; asking again gives the same file."""
    store.put("a/b", b"one")

    path = store.local_path("a/b")

    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o222 == 0
    assert store.local_path("a/b") == path == place.open().local_path("a/b")


def test_retention_is_only_extended(place: Place, store: Store) -> None:
    """A lock given with the put holds; it may grow, by retain or by a later put, and never shrinks."""
    store.put("a/b", b"one", retain_until=SOON)
    assert store.retention("a/b") == Retention(SOON, legal_hold=False)

    with pytest.raises(StoreError, match="would shorten"):
        store.retain("a/b", until=SOON - timedelta(seconds=1))
    store.put("a/b", b"one", retain_until=SOON - timedelta(days=1))
    assert store.retention("a/b").until == SOON

    store.retain("a/b", until=LATER)
    store.retain("a/b", until=LATER)
    assert place.open().retention("a/b").until == LATER
    store.put("a/b", b"one", retain_until=LATER + timedelta(days=1))
    assert store.retention("a/b").until == LATER + timedelta(days=1)


def test_retention_can_come_later(store: Store) -> None:
    """An object put without a lock can be given one."""
    store.put("a/b", b"one")
    assert store.retention("a/b") == Retention(None, legal_hold=False)

    store.put("a/b", b"one", retain_until=SOON)

    assert store.retention("a/b").until == SOON


def test_retention_is_never_shorter_than_asked(store: Store) -> None:
    """Parts of a second are rounded up, other zones become UTC, a time without a zone is refused."""
    store.put("a/b", b"one", retain_until=SOON.astimezone(timezone(timedelta(hours=2))) + timedelta(microseconds=1))
    assert store.retention("a/b").until == SOON + timedelta(seconds=1)

    with pytest.raises(StoreError, match="no time zone"):
        store.retain("a/b", until=datetime(2040, 1, 1))  # noqa: DTZ001 - the point


def test_a_legal_hold_is_set_and_lifted(place: Place, store: Store) -> None:
    """A hold stands beside the retention and does not change it."""
    store.put("a/b", b"one", retain_until=SOON)

    store.retain("a/b", legal_hold=True)
    assert place.open().retention("a/b") == Retention(SOON, legal_hold=True)
    store.retain("a/b", until=LATER)
    assert store.retention("a/b") == Retention(LATER, legal_hold=True)

    store.retain("a/b", legal_hold=False)
    assert store.retention("a/b") == Retention(LATER, legal_hold=False)


def test_a_batch_reads_its_own_puts(place: Place, store: Store) -> None:
    """Inside a batch every verb sees what the batch put; after it everybody does."""
    with store.batch():
        assert store.put("a/1", b"one")
        assert store.exists("a/1")
        assert not store.put("a/1", b"one")
        with pytest.raises(IntegrityError, match="other bytes"):
            store.put("a/1", b"two")
        assert store.get("a/1") == b"one"
        store.put("a/2", b"two", retain_until=SOON)
        assert list(store.list("a/")) == ["a/1", "a/2"]
        store.put("a/3", b"three")
        assert store.local_path("a/3").read_bytes() == b"three"
        store.put("a/4", b"four", retain_until=SOON)
        store.retain("a/4", legal_hold=True)
        with store.batch():
            store.put("a/5", b"five")

    other = place.open()
    assert [other.get(key) for key in other.list("")] == [b"one", b"two", b"three", b"four", b"five"]
    assert other.retention("a/2") == Retention(SOON, legal_hold=False)
    assert other.retention("a/4") == Retention(SOON, legal_hold=True)


def test_a_batch_that_fails_keeps_what_was_put(place: Place, store: Store) -> None:
    """Bytes that arrived are evidence, whatever went wrong after them."""

    def interrupted() -> None:
        with store.batch():
            store.put("a/0", b"one")
            raise KeyError("the source went away")

    with pytest.raises(KeyError, match="went away"):
        interrupted()

    assert place.open().get("a/0") == b"one"


@pytest.mark.parametrize("others", ["other", "mine"], ids=["other bytes", "same bytes"])
def test_two_processes_put_one_key_at_once(place: Place, others: str) -> None:
    """Of two writers of a key one is first; the other is refused, or content if its bytes are the same."""
    writers = [process(place, RACE, text) for text in ("mine", others)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"\n")
        writer.stdin.flush()
    results = [writer.communicate(timeout=60)[0].decode().split() for writer in writers]

    second = "same" if others == "mine" else "refused"
    assert [sorted(pair) for pair in zip(*results, strict=True)] == [sorted(["new", second])] * 20


def test_a_big_object(store: Store) -> None:
    """64 MiB pass whole."""
    data = os.urandom(1 << 20) * 64

    store.put("big", data)

    assert store.get("big") == data
    assert not store.put("big", data)


def test_a_file_is_kept_as_its_bytes(place: Place, store: Store, tmp_path: Path) -> None:
    """A file is kept like its bytes are: once, retained, readable by all; other bytes under its key are refused."""
    path = tmp_path / "file"
    path.write_bytes(data := os.urandom(1 << 20) * 3 + b"end")
    digest = hashlib.sha256(data).hexdigest()

    assert store.put_file("a/b", path, sha256=digest, retain_until=SOON)
    assert not store.put_file("a/b", path, sha256=digest)
    assert not store.put("a/b", data)

    assert place.open().get("a/b") == data
    assert place.open().local_path("a/b").read_bytes() == data
    assert store.retention("a/b").until == SOON
    path.write_bytes(b"other")
    with pytest.raises(IntegrityError, match=f"{digest} there"):
        store.put_file("a/b", path, sha256=hashlib.sha256(b"other").hexdigest())


def test_a_file_that_changed_is_not_kept(store: Store, tmp_path: Path) -> None:
    """A file that no longer has the digest by which it is named leaves nothing behind."""
    path = tmp_path / "file"
    path.write_bytes(b"later")

    with pytest.raises(StoreError, match="changed while it was kept"):
        store.put_file("a/b", path, sha256=hashlib.sha256(b"sooner").hexdigest())

    assert not store.exists("a/b")


def test_a_writable_store_says_so(store: Store) -> None:
    """The check passes, again and again, and leaves nothing to see."""
    store.check_writable()
    store.check_writable()

    assert list(store.list("")) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(objects=st.dictionaries(KEYS, st.binary(max_size=200), max_size=6))
def test_any_key_keeps_any_bytes(store: Store, objects: dict[str, bytes]) -> None:
    """Whatever the keys and bytes: each reads back as put, and the list is exactly what was put."""
    named = hashlib.sha256(repr(objects).encode()).hexdigest()
    kept = {f"{named}/{number}/{key}": data for number, (key, data) in enumerate(objects.items())}

    with store.batch():
        for key, data in kept.items():
            store.put(key, data)

    assert {key: store.get(key) for key in store.list(f"{named}/")} == kept
