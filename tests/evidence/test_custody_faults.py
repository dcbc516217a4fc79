"""Custody when the source or the store fails, or two collect at once."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from evidence.errors import EvidenceError, IntegrityError, SourceRejected, SourceUnavailable, StoreError
from evidence.stores.file import FileStore
from tests.evidence.small_locker import STREAM, Acme, Watched, asked, check_trust, contents, gap, locker, window

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Barrier
    from pathlib import Path


@pytest.fixture
def below(tmp_path: Path) -> FileStore:
    """An empty store."""
    return FileStore(tmp_path / "locker")


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, str]:
    """What two undisturbed collections leave."""
    store = FileStore(tmp_path / "whole")
    collect_both(store)
    return contents(store)


def collect_both(store: FileStore | Watched) -> None:
    """The first read of one day and its re-read."""
    locker(store).collect(Acme(), STREAM, window(), now=asked())
    locker(store).collect(Acme(), STREAM, window(), now=asked(1), read=1)


@pytest.mark.parametrize("page", [0, 1, 2])
@pytest.mark.parametrize("error", [SourceUnavailable("later"), SourceRejected("no"), RuntimeError("a defect")])
def test_a_source_that_raises_half_way_leaves_no_receipt(
    below: FileStore, whole: dict[str, str], page: int, error: Exception
) -> None:
    """What came before the failure is kept as bytes, counts as nothing, and is found again by the next attempt."""

    def fail(at: int) -> None:
        if at == page:
            raise error

    with pytest.raises(type(error), match=str(error)):
        locker(below).collect(Acme(before_page=fail), STREAM, window(), now=asked())
    assert len(list(below.list("captures/"))) == page
    assert locker(below).receipts() == []
    assert locker(below).cursor(STREAM) == {}
    collect_both(below)
    assert contents(below) == whole, "the same attempt number, the same bytes"


def failing_at(below: FileStore, point: int, step: str) -> tuple[Watched, Callable[[], int]]:
    """A store whose call number `point` fails, before or after it was persisted, and how many calls there were."""
    calls = 0

    def on(when: str, call: str, key: str) -> None:
        nonlocal calls
        if when == step:
            calls += 1
            if calls == point:
                raise StoreError(f"{call} {key} failed")

    return Watched(below, on), lambda: calls


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_store_that_fails_at_any_call_is_recovered_from(tmp_path: Path, whole: dict[str, str], step: str) -> None:
    """Fails-and-not-persisted and fails-and-persisted, at every call: the caller is told, the next run makes up."""
    for point in range(1, 100):
        below = FileStore(tmp_path / str(point))
        store, calls = failing_at(below, point, step)
        try:
            collect_both(store)
        except StoreError:
            check_trust(below)
            collect_both(below)
        assert contents(below) == whole, f"{step} call {point}"
        if calls() < point:
            break
    assert point > 15, "every call was met"


def test_an_unwritable_store_is_told_with_what_to_do(tmp_path: Path) -> None:
    """Nothing can be kept: a store error that names the store and the next step, and nothing half-written."""
    (tmp_path / "file").touch()
    with pytest.raises(
        StoreError, match=r"storing captures/\w\w/\w+ in file:.*(Not a directory|File exists)"
    ) as raised:
        locker(FileStore(tmp_path / "file" / "locker")).collect(Acme(), STREAM, window(), now=asked())
    assert raised.value.exit_code == 3
    assert raised.value.next_step


@pytest.mark.parametrize("theirs_is_final", [True, False])
def test_the_second_of_two_collections_finds_the_firsts(below: FileStore, theirs_is_final: bool) -> None:
    """While we asked, somebody else finished the window: theirs counts, unless it is less than ours."""
    theirs = Acme() if theirs_is_final else Acme(outcome=lambda outcome: replace(outcome, complete=False))
    other = []

    def meanwhile(page: int) -> None:
        if page == 1:
            other.append(locker(FileStore(below._root)).collect(theirs, STREAM, window(), now=asked(1)))

    ours = locker(below).collect(Acme(before_page=meanwhile), STREAM, window(), now=asked())
    if theirs_is_final:
        assert ours == other[0]
    else:
        assert (ours.body["attempt"], ours.final, other[0].final) == (1, True, False)
    assert [r.key for r in locker(below).receipts()] == sorted({ours.key, other[0].key})
    check_trust(below)


def test_two_unfinished_collections_are_two_attempts(below: FileStore) -> None:
    """Neither got everything: both are kept, numbered, and a third attempt may finish."""
    unfinished = Acme(outcome=lambda outcome: replace(outcome, complete=False))

    def meanwhile(page: int) -> None:
        if page == 1:
            locker(FileStore(below._root)).collect(unfinished, STREAM, window(), now=asked(1))

    ours = locker(below).collect(replace(unfinished, before_page=meanwhile), STREAM, window(), now=asked())
    assert (ours.body["attempt"], ours.final) == (1, False)
    assert locker(below).collect(Acme(), STREAM, window(), now=asked(2)).body["attempt"] == 2


def test_other_bytes_under_a_receipts_key_are_no_rival(below: FileStore) -> None:
    """What lies there must be a receipt of that very window: otherwise somebody edited the locker."""
    custody = locker(below)
    receipt = custody.collect(Acme(), STREAM, window(0), now=asked(0))
    misplaced = receipt.key.replace("0701T", "0702T", 1).replace("0702T040000Z_r", "0703T040000Z_r")
    misplaced = misplaced.replace("20260702T040000Z_20260702T", "20260702T040000Z_20260703T")

    def meanwhile(page: int) -> None:
        if page == 1:
            below.put(misplaced, below.get(receipt.key))

    with pytest.raises(IntegrityError, match="holds other bytes"):
        custody.collect(Acme(before_page=meanwhile), STREAM, window(1), now=asked(1))


def race(folder: Path, barrier: Barrier, number: int) -> None:
    """Collect the same windows as others do, in a process of its own, with a clock of its own."""
    custody = locker(FileStore(folder))
    for day in range(6):
        barrier.wait()
        source = Acme(pages=20)
        lost = day % 3 == 1 and number % 2
        if lost:
            source.outcome = lambda outcome, day=day: replace(outcome, gaps=(gap(window(day)),))  # type: ignore[misc]
        receipt = custody.collect(source, STREAM, window(day), now=asked(day + number))
        assert receipt.final


def test_processes_that_collect_at_once_agree(tmp_path: Path) -> None:
    """Four processes, the same six windows: one receipt each, one cursor, no capture lost or stored twice."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    racers = [context.Process(target=race, args=(tmp_path / "locker", barrier, number)) for number in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(120)
    assert [racer.exitcode for racer in racers] == [0] * 4
    store = FileStore(tmp_path / "locker")
    assert check_trust(store) == 6
    assert len(list(store.list("captures/"))) == 6 * 20
    assert locker(store).cursor(STREAM) == {"collections": 6}


def test_a_failure_is_of_the_family_of_errors() -> None:
    """What a reader does next is a type: only what helps again is retryable."""
    assert SourceUnavailable("x").retryable
    assert not SourceRejected("x").retryable
    assert issubclass(StoreError, EvidenceError)
    assert [error("x").exit_code for error in (SourceUnavailable, SourceRejected, StoreError)] == [3, 3, 3]
