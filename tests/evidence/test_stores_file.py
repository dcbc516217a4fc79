"""The file store when the process is killed, the disk is full, the folder read-only or edited behind its back."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evidence.errors import IntegrityError, StoreError
from evidence.stores import _durable
from evidence.stores.file import FileStore
from tests.evidence.crash_store import OBJECTS, UNTIL, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
CHANGES = ("write", "link", "mkdir", "fsync", "ftruncate")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """An empty store."""
    return FileStore(tmp_path / "locker")


def left_behind(store: FileStore) -> list[Path]:
    """What lies in the store's temporary folder."""
    return list((Path(store.url.removeprefix("file:")) / "temporary").glob("*"))


@pytest.mark.parametrize("mode", ["put", "batch"])
def test_killed_at_any_step(tmp_path: Path, mode: str) -> None:
    """SIGKILL before any system call: each object is whole and retained, or absent; the next put cleans up."""
    script = Path(__file__).with_name("crash_store.py")
    subprocess.run(
        [sys.executable, script, tmp_path, mode], check=True, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )

    points = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(points) > 20
    partial = 0
    for point in points:
        store = FileStore(point)
        kept = set(store.list(""))
        assert all(store.get(key) == OBJECTS[key] and store.retention(key).until == UNTIL for key in kept)
        if point.with_suffix(".returned").exists():
            assert len(kept) == (1 if mode == "put" else len(OBJECTS))
        partial += 0 < len(kept) < len(OBJECTS)
        put(store, mode)
        assert left_behind(store) == []
        assert all(store.get(key) == OBJECTS[key] for key in (OBJECTS if mode == "batch" else ["a/0/b"]))
    assert partial > 0


class Journal:
    """Notes what was made durable when, as a disk that loses power would have it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, str]] = []
        self._paths: dict[int, str] = {}
        for name, note in (("open", self._opened), ("fsync", self._synced), ("link", self._linked)):
            monkeypatch.setattr(os, name, self._noting(getattr(os, name), note))
        monkeypatch.setattr(_durable, "_syncfs", self._noting(_durable._syncfs, self._all_synced))

    @staticmethod
    def _noting(call: Any, note: Callable[..., None]) -> Callable[..., Any]:
        def instead(*args: Any, **kwargs: Any) -> Any:
            result = call(*args, **kwargs)
            note(result, *args)
            return result

        return instead

    def _opened(self, descriptor: int, path: Any, *_: Any) -> None:
        self._paths[descriptor] = str(path)

    def _synced(self, _: None, descriptor: int) -> None:
        self.events.append(("synced", self._paths[descriptor]))

    def _linked(self, _: None, source: Any, target: Any) -> None:
        self.events.append(("linked", f"{source} {target}"))

    def _all_synced(self, *_: Any) -> None:
        self.events.append(("synced", "everything"))


def test_bytes_are_durable_before_the_name_and_the_name_before_the_return(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single put syncs the file, links it, then syncs each folder from the new name up to the root."""
    journal = Journal(monkeypatch)
    root = store.url.removeprefix("file:")

    store.put("a/b/c", b"one")

    linked = next(i for i, (what, _) in enumerate(journal.events) if what == "linked")
    source = journal.events[linked][1].split()[0]
    before, after = journal.events[:linked], journal.events[linked:]
    assert ("synced", source) in before
    assert {("synced", f"{root}{folder}") for folder in ("", "/objects", "/objects/a", "/objects/a/b")} <= set(after)


@pytest.mark.parametrize("syncfs", [True, False], ids=["syncfs", "each path"])
def test_a_batch_has_one_barrier_before_its_names_and_one_after(
    store: FileStore, monkeypatch: pytest.MonkeyPatch, syncfs: bool
) -> None:
    """No name of a batch is given before all its bytes are durable; without syncfs each path is synced."""
    journal = Journal(monkeypatch)
    if not syncfs:
        monkeypatch.setattr(_durable, "_syncfs", None)

    put(store, "batch")

    kinds = [what for what, _ in journal.events]
    first, last = kinds.index("linked"), len(kinds) - kinds[::-1].index("linked")
    assert kinds[first:last] == ["linked"] * len(OBJECTS)
    synced_before = {path for what, path in journal.events[:first]}
    if syncfs:
        assert "everything" in synced_before
        assert journal.events[last:] == [("synced", "everything")]
    else:
        assert {names.split()[0] for _, names in journal.events[first:last]} < synced_before
        assert len(journal.events[last:]) > len(OBJECTS)


def fails_at(monkeypatch: pytest.MonkeyPatch, point: int, code: int) -> None:
    """Have changing system call number `point` fail with `code`."""
    left = itertools.count(point - 1, -1)

    def failing(call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*args: Any, **kwargs: Any) -> Any:
            if next(left) == 0:
                raise OSError(code, os.strerror(code))
            return call(*args, **kwargs)

        return instead

    for name in CHANGES:
        monkeypatch.setattr(os, name, failing(getattr(os, name)))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fails_at_any_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Disk full, over quota or broken at any step: a StoreError that says so, nothing half-written, then as new."""
    for point in itertools.count(1):
        store = FileStore(tmp_path / str(point))
        with monkeypatch.context() as patch:
            fails_at(patch, point, code)
            try:
                put(store, "put")
            except StoreError as error:
                told = f"{error} {error.next_step}"
            else:
                break
        assert os.strerror(code) in told
        assert "run again" in told
        assert left_behind(store) == []
        assert set(store.list("")) <= {"a/0/b"}
        put(store, "put")
        assert store.get("a/0/b") == OBJECTS["a/0/b"]
    assert point > 8


def test_a_really_full_disk(tmp_path: Path) -> None:
    """On a file system of 128 KiB big puts fail, small ones go on, and what was kept stays readable."""
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", tmp_path], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        store = FileStore(tmp_path / "locker")
        store.put("small", b"one", retain_until=UNTIL)
        with pytest.raises(StoreError, match="No space left") as caught:
            store.put("big", bytes(1 << 20))
        assert "Free space" in caught.value.next_step
        assert not store.exists("big")
        store.put("small-too", b"two")
        assert list(store.list("")) == ["small", "small-too"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_list_goes_down_only_where_the_prefix_can_be(store: FileStore) -> None:
    """Folders that no listed key can be in are left out, and a key is not a folder."""
    store.put("a/b/c", b"one")
    store.put("a/d/e", b"two")

    assert list(store.list("a/b/")) == ["a/b/c"]
    assert list(store.list("a/b/c/d")) == []
    assert list(store.list("a/x")) == []


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of root's that this test, for its time without root's rights, can read and not write."""
    folder = Path(tempfile.mkdtemp(prefix="store"))
    locker = FileStore(folder / "locker")
    locker.put("a/b", b"one")
    for one in (folder, *folder.rglob("*")):
        one.chmod(one.stat().st_mode & 0o555 | (0o555 if one.is_dir() else 0o444))
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield folder / "locker"
    if root:
        os.seteuid(0)
    for one in folder.rglob("*"):
        if one.is_dir():
            one.chmod(0o755)
    folder.chmod(0o755)
    subprocess.run(["rm", "-r", folder], check=True)


def test_a_read_only_folder(unprivileged: Path) -> None:
    """What is there can be read and put again; a new put and the check fail with what to do."""
    store = FileStore(unprivileged)

    assert store.get("a/b") == b"one"
    assert not store.put("a/b", b"one")
    with pytest.raises(StoreError, match="Permission denied") as caught:
        store.put("a/c", b"two")
    assert "point `store` to another folder" in caught.value.next_step
    with pytest.raises(StoreError, match=r"is not writable: .*Permission denied"):
        store.check_writable()
    with pytest.raises(StoreError, match="Permission denied"):
        FileStore(unprivileged.parent / "new").check_writable()


def test_an_edit_behind_its_back_is_seen_when_the_bytes_come_again(store: FileStore) -> None:
    """An object that somebody altered is not taken for the same bytes."""
    store.put("a/b", b"one")
    path = store.local_path("a/b")
    path.chmod(0o644)
    path.write_bytes(b"eno")

    with pytest.raises(IntegrityError, match="holds other bytes"):
        store.put("a/b", b"one")


def test_a_race_that_is_lost_at_the_end_of_a_batch(tmp_path: Path, store: FileStore) -> None:
    """If another writer named a key first: the same bytes are fine, others raise, and the rest is kept."""
    other = FileStore(tmp_path / "locker")

    def lose() -> None:
        with store.batch():
            store.put("a/1", b"mine")
            store.put("a/2", b"same")
            store.put("a/3", b"rest")
            other.put("a/1", b"other")
            other.put("a/2", b"same")

    with pytest.raises(IntegrityError, match=r"a/1 in .* holds other bytes"):
        lose()

    assert [store.get(key) for key in store.list("")] == [b"other", b"same", b"rest"]
    assert left_behind(store) == []


def test_temporary_files_of_others_that_write_are_left_alone(tmp_path: Path, store: FileStore) -> None:
    """Only what no living writer can own is swept."""
    with store.batch():
        store.put("a/1", b"one")
        FileStore(tmp_path / "locker").put("a/2", b"two")
        assert len(left_behind(store)) == 1

    assert list(store.list("")) == ["a/1", "a/2"]


def test_a_batch_belongs_to_its_thread(store: FileStore) -> None:
    """Another thread's put outside a batch is there when it returns."""
    with store.batch():
        store.put("a/1", b"one")
        thread = threading.Thread(target=store.put, args=("a/2", b"two"))
        thread.start()
        thread.join()
        assert (store._objects / "a/2").exists()
        assert not (store._objects / "a/1").exists()


def test_a_long_batch_commits_on_the_way(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch never lets more than a bounded number of objects wait."""
    monkeypatch.setattr("evidence.stores.file._MOST_STAGED", 3)
    with store.batch():
        for number in range(7):
            store.put(f"a/{number}", b"one")
        assert len(list(store._objects.rglob("a/*"))) == 6


def test_a_torn_retention_line_was_never_promised(store: FileStore) -> None:
    """What a crash cut off is ignored and then removed; an edited line is an IntegrityError."""
    store.put("a/b", b"one", retain_until=UNTIL)
    record = store._sidecars.path("a/b")
    whole = record.read_bytes()
    record.write_bytes(whole + b'{"until": "2099-01-01T00:00')

    assert store.retention("a/b").until == UNTIL
    store.retain("a/b", legal_hold=True)
    assert record.read_bytes().startswith(whole + b'{"until": "2033')

    for edited in (b"{}\n", b"until: never\n", b"[]\n"):
        record.write_bytes(whole + edited)
        with pytest.raises(IntegrityError, match="line 2 of the retention record of a/b"):
            store.retention("a/b")


@pytest.mark.parametrize(
    ("system", "release", "found"),
    [("Linux", "6.1.0-13-amd64", True), ("Linux", "5.7.19", False), ("Darwin", "23.1.0", False)],
)
def test_syncfs_is_used_only_where_it_reports_errors(
    monkeypatch: pytest.MonkeyPatch, system: str, release: str, found: bool
) -> None:
    """Before Linux 5.8 syncfs could lose a write error, and elsewhere there is none."""
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.release", lambda: release)

    assert (_durable._load_syncfs() is not None) == found


def test_the_file_system_s_refusal_to_sync_everything_is_an_error(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If syncfs reports a write error no name is given."""
    monkeypatch.setattr(_durable, "_syncfs", lambda _: -1)
    monkeypatch.setattr("ctypes.get_errno", lambda: errno.EIO)

    with pytest.raises(StoreError, match="Input/output error"):
        put(store, "batch")

    assert list(store.list("")) == []
    assert left_behind(store) == []
