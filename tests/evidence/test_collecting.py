"""Collecting what is due: day by day, with re-reads, one failure not holding up the others."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from evidence.capture import instant
from evidence.collecting import (
    Collected,
    SimulatedClock,
    WallClock,
    collect,
    day_window,
    first_outstanding,
    open_source,
)
from evidence.errors import ConfigError, EvidenceError, IntegrityError, SourceRejected, SourceUnavailable, StoreError
from evidence.sources.base import Stream
from evidence.stores.file import FileStore
from tests.evidence.small_locker import Acme, check_trust, contents, locker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from evidence.capture import Outcome, Window
    from evidence.custody import Custody
    from evidence.sources.base import Keep

ZONE = "Europe/Berlin"
REREADS = (timedelta(hours=1), timedelta(hours=24), timedelta(days=7))
LATE = (Stream("acme.events", "events", rereads=REREADS), Stream("acme.people", "snapshot"))
DAY = date(2026, 3, 28)


@pytest.fixture
def custody(tmp_path: Path) -> Custody:
    """A locker in an empty store."""
    return locker(FileStore(tmp_path / "locker"))


def after(day: date, **later: int) -> datetime:
    """A time after the end of a local day."""
    return day_window(day, ZONE).end + timedelta(**later)


def gather(custody: Custody, source: Acme, *days: date, now: datetime, streams: list[str] | None = None) -> list[str]:
    """Collect, and say what was asked: stream, day and read of each new receipt."""
    before = {receipt.key for receipt in custody.receipts()}
    done = collect(custody, "acme", source, days, clock=WallClock(now), zone=ZONE, streams=streams)
    done.raise_failures()
    new = {r.key: r for r in done.receipts if r.key not in before}
    return [
        f"{r.stream.removeprefix('acme.')} {datetime.fromisoformat(r.body['window']['end']):%d} r{r.body['read']}"
        for r in new.values()
    ]


def test_a_day_is_due_when_it_has_ended(custody: Custody) -> None:
    """Not a second before its end; then every stream, once; a second call asks nothing."""
    source = Acme(streams=LATE)
    assert gather(custody, source, DAY, now=after(DAY, seconds=-1)) == []
    assert gather(custody, source, DAY, now=after(DAY)) == ["events 28 r0", "people 28 r0"]
    asked = len(source.asked)
    assert gather(custody, source, DAY, now=after(DAY)) == []
    assert len(source.asked) == asked


def test_windows_are_the_companys_days_also_when_the_clock_changes() -> None:
    """On the day of the change the window has 23 hours, and the next one begins where it ends."""
    days = [DAY + timedelta(days=n) for n in range(3)]
    windows = [day_window(day, ZONE) for day in days]
    assert [(w.end - w.start) / timedelta(hours=1) for w in windows] == [24, 23, 24]
    assert windows[0].end == windows[1].start
    assert windows[1].end == windows[2].start


def test_rereads_come_when_they_are_due(custody: Custody) -> None:
    """+1 h, +24 h and +7 days after the end of a window; a look at which two are due counts for both.

    The 29th has 23 hours, so that only the first re-read of the 28th is due at its end.
    """
    source = Acme(streams=LATE[:1])
    seen = {}
    for n in range(10):
        day = DAY + timedelta(days=n)
        seen[n] = gather(custody, source, day, now=after(day, minutes=30))
    assert seen[0] == ["events 28 r0"]
    assert seen[1] == ["events 29 r0", "events 28 r1"]
    assert seen[2] == ["events 30 r0", "events 29 r1", "events 28 r2"]
    assert seen[6] == ["events 03 r0", "events 02 r1"]
    assert seen[8] == ["events 05 r0", "events 04 r1", "events 29 r3", "events 28 r3"]
    assert gather(custody, source, DAY, now=after(DAY, hours=2)) == [], "the later looks have seen all that this would"
    check_trust(custody.store)


def test_a_reread_that_could_bring_nothing_is_left_out(custody: Custody) -> None:
    """A day that is made up for a month later is asked once: every re-read was due before that."""
    source = Acme(streams=LATE)
    late = after(DAY, days=30)
    assert gather(custody, source, DAY, now=late) == ["events 28 r0", "people 28 r0"]
    assert gather(custody, source, DAY, now=late) == []


def test_a_failed_reread_is_tried_again_the_next_day(custody: Custody) -> None:
    """The re-read of a week ago is still looked for on the day after it was due."""
    fine = Acme(streams=LATE[:1])
    for n in range(7):
        gather(custody, fine, DAY + timedelta(days=n), now=after(DAY + timedelta(days=n), hours=2))
    last = DAY + timedelta(days=8)
    assert "events 28 r3" in gather(custody, fine, last, now=after(last, hours=2))


def test_a_window_that_was_not_received_is_not_reread(custody: Custody) -> None:
    """Without a first read there is nothing to compare with: the first read itself is what is missing."""
    unfinished = Acme(streams=LATE[:1], outcome=lambda outcome: replace(outcome, complete=False))
    assert gather(custody, unfinished, DAY, now=after(DAY, hours=2)) == ["events 28 r0"]
    assert gather(custody, unfinished, DAY, now=after(DAY, days=2)) == ["events 28 r0"], "its next attempt"


class Moody(Acme):
    """Fails for the streams named in `moods`."""

    moods: Mapping[str, Exception]

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """Raise, or give the pages."""
        if stream in self.moods:
            raise self.moods[stream]
        return super().collect(stream, window, cursor=cursor, now=now, keep=keep)


def moody(**moods: Exception) -> Moody:
    """A source of which some streams fail."""
    source = Moody(streams=LATE)
    source.moods = {f"acme.{name}": error for name, error in moods.items()}
    return source


def test_one_stream_that_fails_does_not_hold_up_the_others(custody: Custody) -> None:
    """The others are collected for every day; the failure is raised at the end, once, with what to do."""
    source = moody(events=SourceUnavailable("timed out", next_step="Wait."))
    days = [DAY, DAY + timedelta(days=1)]
    done = collect(custody, "acme", source, days, clock=WallClock(after(days[1])), zone=ZONE)
    assert [(r.stream, r.body["sequence"]) for r in done.receipts] == [("acme.people", 0), ("acme.people", 1)]
    with pytest.raises(SourceUnavailable, match=r"^timed out$") as raised:
        done.raise_failures()
    assert raised.value.next_step == "Wait."


def test_a_system_that_gives_nothing_all_day_is_not_asked_for_the_next(custody: Custody) -> None:
    """Unreachable or refusing: one day's attempts tell it; a day that is gone is no answer, what is held is one."""
    source = moody(events=SourceUnavailable("no answer"), people=SourceRejected("refused"))
    days = [DAY + timedelta(days=n) for n in range(3)]
    done = collect(custody, "acme", source, days, clock=WallClock(after(days[2])), zone=ZONE)
    assert [(r.stream, bool(r.body["gaps"])) for r in done.receipts] == [("acme.people", True)]
    assert len(done.failures) == 1
    gather(custody, Acme(streams=LATE), DAY, now=after(DAY))
    done = collect(custody, "acme", source, days[:2], clock=WallClock(after(days[1])), zone=ZONE)
    assert [(r.stream, r.body["window"]["start"]) for r in done.receipts if r.body["read"] == 0] == [
        (f"acme.{name}", instant(day_window(DAY, ZONE).start)) for name in ("events", "people")
    ]


def test_a_message_of_many_failures_is_one_screen() -> None:
    """The first ones in full, the others counted."""
    done = Collected(failures=[SourceUnavailable(f"failure {n // 2}") for n in range(90)])
    with pytest.raises(SourceUnavailable, match="failure 0") as raised:
        done.raise_failures()
    expected = [*(f"failure {n}" for n in range(5)), "and 40 more of 90 failures"]
    assert str(raised.value).splitlines() == expected


def test_the_failures_type_tells_whether_a_retry_helps(custody: Custody) -> None:
    """Retryable only if all of it is; both messages and both steps are told."""
    source = moody(
        events=SourceUnavailable("timed out", next_step="Wait."), people=SourceRejected("refused", next_step="Ask.")
    )
    done = collect(custody, "acme", source, [DAY], clock=WallClock(after(DAY)), zone=ZONE)
    with pytest.raises(SourceRejected, match=r"^timed out\nrefused$") as raised:
        done.raise_failures()
    assert (raised.value.next_step, raised.value.retryable) == ("Wait. Ask.", False)
    Collected().raise_failures()


@pytest.mark.parametrize("error", [StoreError("the disk is full"), IntegrityError("the disk was edited")])
def test_a_store_that_fails_stops_everything(custody: Custody, error: EvidenceError) -> None:
    """Nothing more can be kept: nobody else is asked, the error is the store's; what came before can be published."""
    source = moody(people=error)
    days = [DAY, DAY + timedelta(days=1)]
    done = collect(custody, "acme", source, days, clock=WallClock(after(days[1])), zone=ZONE)
    assert [r.stream for r in done.receipts] == ["acme.events"]
    assert len(source.asked) == 1
    with pytest.raises(type(error), match="the disk"):
        done.raise_failures()


def test_what_was_received_is_found_again_to_be_published(custody: Custody) -> None:
    """A crash between receipt and ledger: the next run of that day returns first reads and re-reads without asking."""
    source = Acme(streams=LATE[:1])
    for hours in (0, 2):
        gather(custody, source, DAY, now=after(DAY, hours=hours))
    asked = len(source.asked)
    done = collect(custody, "acme", source, [DAY], clock=WallClock(after(DAY, hours=3)), zone=ZONE)
    assert [r.body["read"] for r in done.receipts] == [0, 1]
    assert len(source.asked) == asked


def test_recovery_equals_an_undisturbed_run(custody: Custody, tmp_path: Path) -> None:
    """A run that failed in the middle and was repeated leaves what a run without failure leaves."""
    days = [DAY, DAY + timedelta(days=1)]
    for moods in ({"events": SourceUnavailable("later")}, {}):
        collect(custody, "acme", moody(**moods), days, clock=WallClock(after(days[1], days=20)), zone=ZONE)
    whole = locker(FileStore(tmp_path / "whole"))
    collect(whole, "acme", moody(), days, clock=WallClock(after(days[1], days=20)), zone=ZONE)
    assert contents(custody.store) == contents(whole.store)


def test_chosen_streams_alone_are_asked_and_unknown_ones_refused(custody: Custody) -> None:
    """A misspelt stream is an error, not a collection of nothing; one that the source is not set up for is left out."""
    source = Acme(streams=(Stream("github.reviews", "entities"), Stream("github.members", "snapshot")))
    for streams, expected in ((["github.members", "github.rulesets"], ["github.members"]), ([], [])):
        done = collect(
            custody, "github", source, [DAY], clock=WallClock(after(DAY)), zone=ZONE, streams=streams
        )  # fmt: skip
        assert [r.stream for r in done.receipts] == expected
    with pytest.raises(ConfigError, match=r"github has no stream 'github.reviws'; it has .*github.reviews"):
        collect(custody, "github", source, [DAY], clock=WallClock(after(DAY)), zone=ZONE, streams=["github.reviws"])


def test_progress_is_told_day_by_day(custody: Custody) -> None:
    """Each day that was due, when it is done."""
    told: list[date] = []
    days = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
    now = WallClock(after(days[1]))
    collect(custody, "acme", Acme(), days, clock=now, zone=ZONE, progress=told.append)
    assert told == days[:2]


def test_an_unknown_system_is_refused() -> None:
    """The message names the systems that there are."""
    with pytest.raises(ConfigError, match=r"sap.*github"):
        open_source("sap", {}, {})


@contextmanager
def clock_server(status: int) -> Iterator[tuple[str, list[Any]]]:
    """A simulated company's clock, and what it was told."""
    told: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/clock", told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_simulated_companys_time_moves_to_the_morning_after() -> None:
    """Six o'clock local time of the next day, told to the system before it is asked."""
    with clock_server(204) as (url, told):
        moment = SimulatedClock(url, ZONE).at("github", DAY)
    assert moment == datetime(2026, 3, 29, 4, tzinfo=UTC), "summer time began that night"
    assert told == [{"system": "github", "now": "2026-03-29T04:00:00+00:00"}]


def test_a_simulated_company_that_is_not_there_is_told() -> None:
    """Down, or refusing: retryable, with the command that starts it."""
    with clock_server(500) as (url, _), pytest.raises(SourceUnavailable, match="does not answer: HTTP Error 500"):
        SimulatedClock(url, ZONE).at("github", DAY)
    with pytest.raises(SourceUnavailable, match="does not answer") as raised:
        SimulatedClock(url, ZONE).at("github", DAY)
    assert "evidence demo" in raised.value.next_step


def test_what_is_held_is_not_outstanding(custody: Custody) -> None:
    """The first day with something due is where a run begins; with everything held there is none."""
    source = Acme(streams=LATE)
    days = [DAY, DAY + timedelta(days=1)]
    clock = WallClock(after(days[1]))
    assert first_outstanding(custody, LATE, days, clock=clock, zone=ZONE) == DAY
    gather(custody, source, DAY, now=clock.now)
    assert first_outstanding(custody, LATE, days, clock=clock, zone=ZONE) == days[1]
    gather(custody, source, *days, now=clock.now)
    assert first_outstanding(custody, LATE, days, clock=clock, zone=ZONE) is None
    tomorrow = [*days, days[1] + timedelta(days=1)]
    assert first_outstanding(custody, LATE, tomorrow, clock=clock, zone=ZONE) is None
