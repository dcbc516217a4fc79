"""Custody: what is kept, under which name, and what is asked again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical, sha256
from evidence.capture import Outcome, Window
from evidence.custody import capture_key
from evidence.errors import ConfigError, IntegrityError, StoreError
from evidence.ledger.log import Log
from evidence.receipts import receipt_prefix
from evidence.stores.file import FileStore
from tests.evidence.small_locker import (
    COLLECTOR,
    STREAM,
    UNTIL,
    Acme,
    Watched,
    asked,
    check_trust,
    contents,
    gap,
    locker,
    window,
)

if TYPE_CHECKING:
    from pathlib import Path

    from evidence.sources.base import Keep


@pytest.fixture
def below(tmp_path: Path) -> FileStore:
    """An empty store."""
    return FileStore(tmp_path / "locker")


def test_a_receipt_says_what_was_asked_and_received(below: FileStore) -> None:
    """Stream, window, counts, index, cursors, totals and collector stand in the receipt, in canonical form."""
    custody = locker(below)
    receipt = custody.collect(Acme(pages=2), STREAM, window(), now=asked())
    assert receipt.key == f"receipts/{STREAM}/20260701T040000Z_20260702T040000Z_r0_a0.json"
    assert below.get(receipt.key) == canonical(receipt.body)
    assert receipt.sha256 == sha256(below.get(receipt.key))
    index = receipt.body["index"]
    assert receipt.body == {
        "kind": "receipt", "version": 1, "stream": STREAM, "collector": COLLECTOR, "asked_at": "2026-07-02T06:00:00Z",
        "window": {"start": "2026-07-01T04:00:00Z", "end": "2026-07-02T04:00:00Z"}, "read": 0, "attempt": 0,
        "sequence": 0, "captures": 2, "bytes": 2 * len(b'[{"id": "20260701-0"}]'), "index": index,
        "cursor_before": {}, "cursor_after": {"collections": 1}, "totals": {"events": 2}, "gaps": [], "complete": True,
    }  # fmt: skip
    first, second = custody.sightings(receipt)
    assert (first.request, first.context, first.page, first.fetched_at) == (
        "GET /acme.events?page=0", {"_org": "acme"}, 0, asked(),
    )  # fmt: skip
    assert custody.body(second.capture) == b'[{"id": "20260701-1"}]'
    assert all(below.retention(key).until == UNTIL for key in below.list(""))


def test_the_order_of_writing_is_the_order_of_trust(below: FileStore) -> None:
    """Law 1: every capture is stored before its index, the index before the receipt, and the source parses after."""
    order: list[str] = []

    def on(step: str, call: str, key: str) -> None:
        if step == "after" and call in {"put", "commit"}:
            order.append(key.partition("/")[0] or call)

    source = Acme(before_page=lambda page: order.append(f"page {page}"))
    locker(Watched(below, on)).collect(source, STREAM, window(), now=asked())
    assert order == [
        "page 0", "captures", "page 1", "captures", "page 2", "captures", "indexes", "commit", "receipts",
    ]  # fmt: skip


def test_a_window_received_whole_is_not_asked_again(below: FileStore) -> None:
    """A second call, of this locker or of another one on the same store, asks nothing and stores nothing."""
    source = Acme()
    custody = locker(below)
    first = custody.collect(source, STREAM, window(), now=asked())
    before = contents(below)
    assert custody.collect(source, STREAM, window(), now=asked(1)) == first
    assert locker(below).collect(source, STREAM, window(), now=asked(1)) == first
    assert len(source.asked) == 1
    assert contents(below) == before


def test_a_window_that_is_lost_in_part_is_not_asked_again(below: FileStore) -> None:
    """Gaps that say what is lost make the receipt final, and the window is not called complete."""
    source = Acme(outcome=lambda outcome: replace(outcome, gaps=(gap(window()),)))
    receipt = locker(below).collect(source, STREAM, window(), now=asked())
    assert (receipt.final, receipt.complete) == (True, False), "a source that calls it complete all the same is wrong"
    locker(below).collect(source, STREAM, window(), now=asked())
    assert len(source.asked) == 1
    assert locker(below).gaps(receipt) == (gap(window()),)


def test_a_collection_that_did_not_finish_gets_the_next_number(below: FileStore) -> None:
    """Attempts of one window are counted, each its own receipt, from the cursor of the last final one."""
    custody = locker(below)
    custody.collect(Acme(), STREAM, window(0), now=asked(0))
    unfinished = Acme(outcome=lambda outcome: replace(outcome, complete=False))
    tries = [custody.collect(unfinished, STREAM, window(1), now=asked(1)) for _ in range(2)]
    done = custody.collect(Acme(), STREAM, window(1), now=asked(1))
    assert [r.body["attempt"] for r in (*tries, done)] == [0, 1, 2]
    assert [r.final for r in custody.attempts(STREAM, window(1))] == [False, False, True]
    assert {json.dumps(r.body["cursor_before"]) for r in (*tries, done)} == {'{"collections": 1}'}
    assert [r.body["sequence"] for r in (*tries, done)] == [1, 2, 3]
    assert custody.holds(STREAM, window(1))


def test_a_reread_is_a_receipt_of_its_own(below: FileStore) -> None:
    """A re-read asks again, from no cursor, finds the late record and does not move the cursor."""
    custody = locker(below)
    custody.collect(Acme(), STREAM, window(), now=asked())
    source = Acme(pages=4)
    again = custody.collect(source, STREAM, window(), now=asked(1), read=1)
    assert source.asked == [(STREAM, window().start, {})]
    assert (again.body["read"], again.body["captures"]) == (1, 4)
    assert custody.cursor(STREAM) == {"collections": 1}
    assert len(list(below.list("captures/"))) == 4, "the three known bodies are stored once"


def test_the_cursor_follows_the_order_of_asking(below: FileStore) -> None:
    """Days made up for later continue the cursor too, with one clock time or another: it is a position, not a date."""
    source = Acme()
    for day in (5, 3, 4):
        locker(below).collect(source, STREAM, window(day), now=asked(9))
    locker(below).collect(source, STREAM, window(1), now=asked(1))
    assert [cursor.get("collections", 0) for _, _, cursor in source.asked] == [0, 1, 2, 3]
    assert locker(below).cursor(STREAM) == {"collections": 4}


@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - the zone follows
            st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
            st.integers(0, 20),
            st.sampled_from(["acme.a", "acme.a_b", "acme.b"]),
        ),
        min_size=2, max_size=2, unique=True,
    )
)  # fmt: skip
def test_two_windows_never_share_a_key(asked: list[tuple[datetime, timedelta, int, str]]) -> None:
    """Keys are injective, to the microsecond, and none is the beginning of another."""
    keys = []
    for start, length, read, stream in asked:
        begin = start.replace(tzinfo=UTC)
        keys.append(receipt_prefix(stream, Window(begin, begin + length), read))
    assert not keys[0].startswith(keys[1])
    assert not keys[1].startswith(keys[0])


def test_a_key_is_the_instant_whatever_zone_it_is_written_in() -> None:
    """One window, written in two zones, is one key; a window without a zone or a length is none."""
    east = window().start.astimezone(datetime.fromisoformat("2026-01-01T00:00:00+09:00").tzinfo)
    assert receipt_prefix(STREAM, Window(east, window().end), 0) == receipt_prefix(STREAM, window(), 0)
    with pytest.raises(ValueError, match="without a zone is no instant"):
        Window(datetime(2026, 7, 1), window().end)  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="ends after it starts"):
        Window(window().start, window().start)


def test_two_lockers_see_each_other(below: FileStore) -> None:
    """What another locker wrote is seen at once, by every way of asking, though receipts are read only once."""
    one, other = locker(below), locker(below)
    assert one.receipts() == one.receipts(STREAM) == []
    assert not one.holds(STREAM, window())
    receipt = other.collect(Acme(), STREAM, window(), now=asked())
    assert one.receipts() == one.receipts(STREAM) == [receipt]
    assert one.holds(STREAM, window())
    assert one.cursor(STREAM) == {"collections": 1}
    assert one.receipts("acme.even") == []


def test_receipts_are_read_once(below: FileStore) -> None:
    """A receipt never changes: its bytes are asked of the store once, however often it is looked at."""
    locker(below).collect(Acme(), STREAM, window(), now=asked())
    gets: list[str] = []
    custody = locker(
        Watched(below, lambda step, call, key: gets.append(key) if (step, call) == ("before", "get") else None)
    )
    for _ in range(3):
        custody.receipts()
        assert custody.holds(STREAM, window())
    assert len(gets) == 1


def test_files_are_taken_once(below: FileStore, tmp_path: Path) -> None:
    """The same bytes under the same name are one receipt; another name or other bytes another one."""
    path = tmp_path / "export.json"
    path.write_bytes(b'{"id": 1}')
    custody = locker(below)
    first = custody.keep_file("acme.files", path, name="export.json", now=asked())
    assert locker(below).keep_file("acme.files", path, name="export.json", now=asked(5)) == first
    renamed = custody.keep_file("acme.files", path, name="copy.json", now=asked())
    path.write_bytes(b'{"id": 2}')
    changed = custody.keep_file("acme.files", path, name="export.json", now=asked())
    assert len({first.key, renamed.key, changed.key}) == 3
    assert first.body["file"] == "export.json"
    assert custody.body(next(custody.sightings(first)).capture) == b'{"id": 1}'
    assert len(list(below.list("captures/"))) == 2
    assert check_trust(below) == 3


def test_not_modified_notes_the_earlier_body(below: FileStore) -> None:
    """A 304 is a sighting of the body that was received before, of no new bytes; it must still be there."""
    body = b'[{"id": "20260701-0"}]'
    locker(below).collect(Acme(pages=1), STREAM, window(), now=asked())

    class Unchanged(Acme):
        def collect(self, *_: object, keep: Keep, **__: object) -> Outcome:
            keep.unchanged(sha256(body), request="GET /", response={"status": 304, "etag": '"x"'}, context={})
            assert keep.body(sha256(body)) == body
            return Outcome()

    custody = locker(below)
    receipt = custody.collect(Unchanged(), STREAM, window(1), now=asked(1))
    (seen,) = custody.sightings(receipt)
    assert (seen.capture, seen.size, receipt.body["bytes"]) == (sha256(body), 0, 0)
    assert seen.response == {"status": 304, "etag": '"x"', "not_modified": True}
    with pytest.raises(StoreError, match="no object captures/"):
        locker(FileStore(below._root.parent / "other")).collect(Unchanged(), STREAM, window(), now=asked())


def test_publishing_twice_is_publishing_once(below: FileStore, tmp_path: Path) -> None:
    """A leaf a receipt, byte for byte; those already in the ledger keep their place, whoever publishes again."""
    log = Log.open(below, tmp_path / "log", "tests.example/log")
    custody = locker(below)
    receipts = [custody.collect(Acme(), STREAM, window(day), now=asked(day)) for day in range(2)]
    custody.publish(log, receipts)
    custody.publish(log, [])
    receipts.append(custody.collect(Acme(), STREAM, window(2), now=asked(2)))
    locker(below).publish(Log.open(below, tmp_path / "elsewhere", log.origin), locker(below).receipts())
    log.refresh()
    assert list(log.entries(0, log.size)) == [below.get(receipt.key) for receipt in receipts]


@pytest.mark.parametrize("folder", ["captures", "indexes", "receipts"])
def test_an_edited_locker_is_noticed(below: FileStore, folder: str) -> None:
    """Bytes that differ from their name, or a receipt that is none, are an integrity error, never data."""
    locker(below).collect(Acme(pages=1), STREAM, window(), now=asked())
    (key,) = below.list(f"{folder}/")
    path = below.local_path(key)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"2026", b"2025"))
    if folder == "receipts":
        path.write_bytes(path.read_bytes() + b" ")

    def look() -> None:
        custody = locker(below)
        for known in custody.receipts():
            for seen in custody.sightings(known):
                custody.body(seen.capture)

    with pytest.raises(IntegrityError, match=r"read back with SHA-256|holds no receipt"):
        look()
    if folder != "receipts":
        with pytest.raises(IntegrityError, match="holds other bytes"):
            locker(below).collect(Acme(pages=1), STREAM, window(), now=asked(), read=1)


@pytest.mark.parametrize("stream", ["", "a/b", "../x", "a b", "x" * 151, ".a"])
def test_a_stream_that_is_no_name_is_refused(below: FileStore, stream: str) -> None:
    """No stream name leads out of its folder."""
    with pytest.raises(ConfigError, match=r"is no `system.stream`"):
        locker(below).collect(Acme(), stream, window(), now=asked())
    with pytest.raises(ConfigError, match=r"is no `system.stream`"):
        locker(below).keep_file(stream, below._root, name="x", now=asked())
    assert contents(below) == {}


def test_a_capture_key_is_its_digest() -> None:
    """Anybody with a digest finds the bytes."""
    assert capture_key("9f" + "0" * 62) == "captures/9f/9f" + "0" * 62
