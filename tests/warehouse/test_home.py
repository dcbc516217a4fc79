"""A home: where everything lies, and what its receipts say of each day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.capture import Gap, Outcome, Window
from evidence.config import Config
from evidence.custody import Receipt
from evidence.errors import StoreError
from evidence.periods import midnight
from evidence.receipts import outcome_facts
from tests.evidence.small_locker import Acme, gap
from warehouse.home import Home
from warehouse.receipts import partitions

if TYPE_CHECKING:
    from pathlib import Path

    from evidence.objects import Objects

BERLIN, NEW_YORK, HAVANA = "Europe/Berlin", "America/New_York", "America/Havana"
DAY = date(2026, 7, 1)
HOUR = timedelta(hours=1)


def day_of(day: date, zone: str = BERLIN) -> Window:
    """The window of a local day."""
    return Window(midnight(day, zone), midnight(day + timedelta(days=1), zone))


def receipt(window: Window, *gaps: Gap, complete: bool = True, read: int = 0) -> Receipt:
    """A receipt over a window."""
    facts = outcome_facts(
        cast("Objects", None),  # nothing here is long enough for an object
        "acme.events",
        Outcome({}, {}, gaps, complete=complete),
    )
    body: dict[str, Any] = {
        "stream": "acme.events", "window": window.as_json(), "read": read, "asked_at": "2026-07-09T00:00:00Z", **facts
    }  # fmt: skip
    return Receipt("key", "digest", body)


def told(of: Receipt, zone: str = BERLIN) -> dict[str, str]:
    """Status, or the reason if it is partial, by day."""
    rows = list(partitions(of, zone))
    assert len({row["day"] for row in rows}) == len(rows)
    assert all((row["status"] == "complete") == (row["reason"] == "") for row in rows)
    return {str(row["day"])[5:]: str(row["reason"] or row["status"]) for row in rows}


def missing(start: datetime, end: datetime, cause: str = "lost") -> Gap:
    """A gap."""
    return Gap(start, end, cause)


def test_a_day_received_whole_is_complete() -> None:
    """With the receipt that says so, and when it was asked."""
    (row,) = partitions(receipt(day_of(DAY)), BERLIN)
    assert row == {
        "stream": "acme.events", "day": DAY, "status": "complete", "reason": "", "receipt": "digest",
        "asked_at": datetime(2026, 7, 9, tzinfo=UTC),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("day", "zone"),
    [
        (date(2026, 3, 29), BERLIN), (date(2026, 10, 25), BERLIN), (date(2026, 3, 8), NEW_YORK),
        (date(2026, 11, 1), NEW_YORK), (date(2026, 4, 24), "Africa/Cairo"), (date(2026, 11, 1), HAVANA),
    ],
)  # fmt: skip
def test_days_of_23_and_25_hours_are_whole_days(day: date, zone: str) -> None:
    """Local days are compared as instants, also where midnight does not exist or comes twice."""
    assert told(receipt(day_of(day, zone)), zone) == {f"{day:%m-%d}": "complete"}
    short = Window(midnight(day, zone), midnight(day + timedelta(days=1), zone) - HOUR)
    assert told(receipt(short), zone) == {f"{day:%m-%d}": "the window covers a part of the day"}


def test_a_window_that_cuts_days_covers_parts_of_them() -> None:
    """Noon to noon: the days at both ends are partial, those between complete."""
    noon = midnight(DAY, BERLIN) + 12 * HOUR
    part = "the window covers a part of the day"
    assert told(receipt(Window(noon, noon + timedelta(days=2)))) == {"07-01": part, "07-02": "complete", "07-03": part}
    other_zone = told(receipt(day_of(DAY)), NEW_YORK)
    assert other_zone == {"06-30": part, "07-01": part}


def test_a_gap_makes_the_days_partial_that_it_touches() -> None:
    """Of three days asked, the one before the gap stays complete; its ends are half-open as a window's are."""
    window = Window(midnight(DAY, BERLIN), midnight(DAY + timedelta(days=4), BERLIN))
    second, fourth = midnight(DAY + timedelta(days=1), BERLIN), midnight(DAY + timedelta(days=3), BERLIN)
    assert told(receipt(window, missing(second, fourth))) == {
        "07-01": "complete", "07-02": "lost", "07-03": "lost", "07-04": "complete",
    }  # fmt: skip
    assert told(receipt(window, missing(second + HOUR, fourth + HOUR), missing(second, second + HOUR, "again"))) == {
        "07-01": "complete", "07-02": "lost; again", "07-03": "lost", "07-04": "lost",
    }  # fmt: skip


def test_a_gap_outside_the_window_speaks_of_its_own_days() -> None:
    """What a collection learns to be missing earlier is told of the day that it is missing from."""
    early = midnight(DAY, BERLIN) - HOUR
    assert told(receipt(day_of(DAY), missing(early, early + HOUR))) == {"06-30": "lost", "07-01": "complete"}


@pytest.mark.parametrize("instant", [midnight(DAY, BERLIN), midnight(DAY, BERLIN) + HOUR])
def test_a_gap_without_a_length_is_not_lost(instant: datetime) -> None:
    """Law 4: a gap that only names an instant makes its day partial, also at midnight."""
    assert told(receipt(day_of(DAY), missing(instant, instant))) == {"07-01": "lost"}


def test_less_than_was_asked_without_a_gap_makes_every_day_partial() -> None:
    """Law 4: who cannot say what is missing has proved no day."""
    window = Window(midnight(DAY, BERLIN), midnight(DAY + timedelta(days=2), BERLIN))
    unfinished = "the collection did not finish"
    assert told(receipt(window, complete=False)) == {"07-01": unfinished, "07-02": unfinished}


def test_a_reread_adds_and_takes_nothing_away() -> None:
    """A later look that got everything proves the day; one that got less says nothing."""
    assert told(receipt(day_of(DAY), read=2)) == {"07-01": "complete"}
    assert told(receipt(day_of(DAY), gap(day_of(DAY)), read=2)) == {}
    assert told(receipt(day_of(DAY), complete=False, read=1)) == {}


def test_an_imported_file_says_nothing_of_days() -> None:
    """It has no window: what it covers is stated elsewhere."""
    assert list(partitions(Receipt("key", "digest", {"stream": "acme.files", "file": "x"}), BERLIN)) == []


@given(
    st.sampled_from([BERLIN, NEW_YORK, HAVANA, "Africa/Cairo", "UTC"]),
    st.integers(0, 400 * 24 * 60), st.integers(1, 10 * 24 * 60),
    st.lists(st.tuples(st.integers(-2000, 12 * 24 * 60), st.integers(0, 3000)), max_size=3),
)  # fmt: skip
def test_no_missing_minute_is_called_complete(zone: str, begin: int, length: int, lost: list[tuple[int, int]]) -> None:
    """A day called complete lies in the window whole, and no gap has an instant in it."""
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=begin)
    window = Window(start, start + timedelta(minutes=length))
    gaps = [missing(start + timedelta(minutes=at), start + timedelta(minutes=at + size)) for at, size in lost]
    rows = {row["day"]: row["status"] for row in partitions(receipt(window, *gaps), zone)}
    assert rows, "every window speaks of a day"
    for day, status in rows.items():
        assert isinstance(day, date)
        whole = day_of(day, zone)
        inside = window.start <= whole.start and whole.end <= window.end
        hit = any(g.start < whole.end and (g.end > whole.start or g.start >= whole.start) for g in gaps)
        assert status == ("complete" if inside and not hit else "partial") or not (inside or hit)


def home(folder: Path, url: str = "file:locker") -> Home:
    """A home with one configured store."""
    config = Config(company="Acme", zone=BERLIN, root=folder).model_copy(
        update={"store": Config(company="A").store.model_copy(update={"url": url})}
    )
    return Home(config, {}, {"name": "tests"}, datetime(2035, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("file:locker", "var/locker"), ("locker", "var/locker"), ("deep/er", "var/deep/er"),
        ("file:{root}/x", "x"), ("{root}/x", "x"), ("file://{root}/x", "x"),
    ],
)  # fmt: skip
def test_a_store_lies_below_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, place: str) -> None:
    """A relative path is meant below the home, never below where we happen to be; an absolute one is itself."""
    monkeypatch.chdir("/")
    store = home(tmp_path, url.format(root=tmp_path)).store
    store.put("a", b"b")
    assert (tmp_path / place / "objects" / "a").read_bytes() == b"b"


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """One screen: which store, what happened, what to do; exit code 3."""
    (tmp_path / "var").touch()
    with pytest.raises(StoreError, match="is not writable") as raised:
        home(tmp_path).store.check_writable()
    assert raised.value.next_step
    assert raised.value.exit_code == 3


def test_a_session_sees_the_days_of_every_receipt(tmp_path: Path) -> None:
    """`custody_partitions` has a row for each day that a receipt speaks of; attempts that failed are there too."""
    opened = home(tmp_path)
    unfinished = Acme(outcome=lambda outcome: replace(outcome, complete=False))
    now = datetime(2026, 7, 9, tzinfo=UTC)
    for source in (unfinished, Acme()):
        opened.custody.collect(source, "acme.events", day_of(DAY), now=now)
    opened.custody.publish(opened.log, opened.custody.receipts())
    con = opened.connection()
    rows = con.execute("SELECT stream, day, status, reason FROM custody_partitions ORDER BY status").fetchall()
    assert rows == [
        ("acme.events", DAY, "complete", ""), ("acme.events", DAY, "partial", "the collection did not finish"),
    ]  # fmt: skip
    assert opened.log.size == 2
    assert (tmp_path / "var" / "log").is_dir()


def test_an_empty_home_answers_with_nothing(tmp_path: Path) -> None:
    """No receipt: the table is there, typed and empty."""
    described = home(tmp_path).connection().execute("DESCRIBE custody_partitions").fetchall()
    assert {row[0]: row[1] for row in described} == {
        "stream": "VARCHAR", "day": "DATE", "status": "VARCHAR", "reason": "VARCHAR", "receipt": "VARCHAR",
        "asked_at": "TIMESTAMP WITH TIME ZONE",
    }  # fmt: skip
