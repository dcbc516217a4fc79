"""Gap records: what is missing, why, until when it can be had, and who else may know it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from evidence.collecting import WallClock, collect, day_window
from evidence.gaps import LOST, MISSED, gap_records
from evidence.sources.base import Stream
from evidence.stores.file import FileStore
from tests.evidence.small_locker import Acme, gap, locker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from evidence.custody import Custody, Receipt

ZONE = "Europe/Berlin"
DAY = date(2026, 7, 1)
EVENTS = Stream("acme.events", "events", retention=timedelta(days=7), second_source="acme.copies")
PEOPLE = Stream("acme.people", "snapshot")
COPIES = Stream("acme.copies", "events")


@pytest.fixture
def custody(tmp_path: Path) -> Custody:
    """A locker in an empty store."""
    return locker(FileStore(tmp_path / "locker"))


def on(day: int) -> date:
    """A day, counted from the first."""
    return DAY + timedelta(days=day)


def morning(day: int) -> datetime:
    """Six hours after the end of a day."""
    return day_window(on(day), ZONE).end + timedelta(hours=6)


def ask(custody: Custody, stream: Stream, *days: int, now: datetime | None = None, source: Acme | None = None) -> None:
    """Collect days of one stream, each in its morning unless `now` says otherwise."""
    for day in days:
        clock = WallClock(now or morning(day))
        asked = source or Acme(streams=(stream,))
        collect(custody, "acme", asked, [on(day)], clock=clock, zone=ZONE).raise_failures()


def held(custody: Custody) -> Mapping[str, Sequence[Receipt]]:
    """All receipts by stream."""
    found: dict[str, list[Receipt]] = {}
    for receipt in custody.receipts():
        found.setdefault(receipt.stream, []).append(receipt)
    return found


def days(custody: Custody, stream: Stream) -> list[int]:
    """The days of a stream that have a receipt, counted from the first."""
    ends = [datetime.fromisoformat(r.body["window"]["end"]) for r in custody.receipts(stream.name)]
    return sorted((end.date() - on(1)).days + 1 for end in ends)


def test_days_that_were_missed_are_made_up_for(custody: Custody) -> None:
    """The next collection asks for every day since the last one received, the oldest first; there is no hole then."""
    ask(custody, EVENTS, 0)
    source = Acme(streams=(EVENTS,))
    ask(custody, EVENTS, 4, source=source)

    assert [start.date().day for _, start, _ in source.asked] == [1, 2, 3, 4]  # each begins on the evening before, UTC
    assert days(custody, EVENTS) == [0, 1, 2, 3, 4]
    assert gap_records(held(custody), {}) == []


def test_nothing_is_made_up_for_before_the_first_day(custody: Custody) -> None:
    """A collection of an old day does not reach back further than what was asked for, nor do later days count."""
    ask(custody, EVENTS, 9)
    ask(custody, EVENTS, 3)

    assert days(custody, EVENTS) == [3, 9]


def test_a_snapshot_that_was_missed_is_lost(custody: Custody) -> None:
    """A past state cannot be had: the day gets a gap with its cause, the source is not asked, the cursor stays."""
    ask(custody, PEOPLE, 0)
    source = Acme(streams=(PEOPLE,))
    ask(custody, PEOPLE, 2, source=source)

    (record,) = gap_records(held(custody), {PEOPLE.name: PEOPLE})
    window = day_window(on(1), ZONE)
    assert (record.starts_at, record.ends_at, record.state) == (window.start, window.end, LOST)
    assert record.cause == "a past state cannot be had: it was asked for 30 hours after the day had ended"
    assert record.receipt
    assert len(source.asked) == 1
    assert custody.cursor(PEOPLE.name) == {"collections": 2}


def test_what_the_source_no_longer_gives_is_lost(custody: Custody) -> None:
    """The gap that a receipt names: its interval, cause and second source, and when it was noticed."""
    lost = gap(day_window(on(0), ZONE), "git events are kept 7 days")
    ask(custody, EVENTS, 0, source=Acme(streams=(EVENTS,), outcome=lambda o: replace(o, gaps=(lost,), complete=False)))

    (record,) = gap_records(held(custody), {EVENTS.name: EVENTS})
    assert (record.state, record.cause, record.second_source) == (LOST, lost.cause, "elasticsearch")
    assert (record.noticed_at, record.lost_after, record.second_source_whole) == (morning(0), None, False)


def test_what_can_still_be_had_says_until_when(custody: Custody) -> None:
    """A collection that did not finish, and days that were never asked: missed, and lost when retention ends."""
    ask(custody, EVENTS, 0, source=Acme(streams=(EVENTS,), outcome=lambda o: replace(o, complete=False)))
    for day in (1, 3):
        custody.collect(Acme(), EVENTS.name, day_window(on(day), ZONE), now=morning(day))

    first, second = gap_records(held(custody), {EVENTS.name: EVENTS})
    assert (first.state, first.cause) == (MISSED, "the collection did not finish")
    assert (second.state, second.cause, second.receipt) == (MISSED, "it was never asked", "")
    assert first.lost_after == first.starts_at + timedelta(days=7)
    assert second.starts_at == day_window(on(2), ZONE).start


def test_a_window_received_whole_later_has_no_gap(custody: Custody) -> None:
    """A later attempt or re-read that was whole closes the gap."""
    ask(custody, EVENTS, 0, source=Acme(streams=(EVENTS,), outcome=lambda o: replace(o, complete=False)))
    ask(custody, EVENTS, 0)

    assert gap_records(held(custody), {EVENTS.name: EVENTS}) == []


@pytest.mark.parametrize(("copied", "whole"), [((), False), ((0,), False), ((0, 1), True), ((0, 2), False)])
def test_the_second_source_is_looked_at(custody: Custody, copied: tuple[int, ...], whole: bool) -> None:
    """It may recover the gap only if it was received whole over all of it."""
    begin, end = day_window(on(0), ZONE).start, day_window(on(1), ZONE).end
    lost = replace(gap(day_window(on(0), ZONE)), start=begin, end=end, recoverable_from="")
    ask(custody, EVENTS, 0, source=Acme(streams=(EVENTS,), outcome=lambda o: replace(o, gaps=(lost,), complete=False)))
    for day in copied:
        custody.collect(Acme(), COPIES.name, day_window(on(day), ZONE), now=morning(day))

    record = gap_records(held(custody), {EVENTS.name: EVENTS})[-1]
    assert (record.second_source, record.second_source_whole) == (COPIES.name, whole)


def test_files_that_were_handed_in_have_no_gaps(custody: Custody, tmp_path: Path) -> None:
    """An import has no window: what it covers is stated elsewhere."""
    (tmp_path / "export.json").write_text("{}")
    custody.keep_file(EVENTS.name, tmp_path / "export.json", name="export.json", now=datetime(2026, 7, 2, tzinfo=UTC))

    assert gap_records(held(custody), {EVENTS.name: EVENTS}) == []
