"""Freshness of a stream, from its receipts alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.capture import instant
from evidence.custody import Receipt
from evidence.freshness import FRESH, HANDED_IN, NEVER, STALE, freshness

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
START = datetime(2026, 7, 1, 4, tzinfo=UTC)


def receipt(day: int, *, read: int = 0, attempt: int = 0, gaps: tuple[str, ...] = (), complete: bool = True) -> Receipt:
    """A receipt over one day; its gaps are its first hour, by cause."""
    start = START + day * DAY
    told = [
        {"start": instant(start), "end": instant(start + HOUR), "cause": cause, "recoverable_from": ""}
        for cause in gaps
    ]
    body: dict[str, Any] = {
        "window": {"start": instant(start), "end": instant(start + DAY)}, "read": read, "attempt": attempt,
        "gaps": told, "complete": complete and not gaps, "asked_at": instant(start + DAY + 6 * HOUR),
    }  # fmt: skip
    return Receipt(f"r{day}", f"{day}-{read}-{attempt}", body)


def end(day: int) -> datetime:
    """When a day's window ends."""
    return START + (day + 1) * DAY


@pytest.mark.parametrize(
    ("after", "lateness", "state", "waiting"),
    [
        (timedelta(0), timedelta(0), FRESH, timedelta(0)),
        (DAY, timedelta(0), FRESH, timedelta(0)),
        (2 * DAY, timedelta(0), FRESH, DAY),
        (2 * DAY + HOUR, timedelta(0), STALE, DAY + HOUR),
        (2 * DAY + HOUR, 6 * HOUR, FRESH, DAY + HOUR),
        (2 * DAY + 7 * HOUR, 6 * HOUR, STALE, DAY + 7 * HOUR),
    ],
)
def test_a_stream_is_fresh_within_its_allowance(
    after: timedelta, lateness: timedelta, state: str, waiting: timedelta
) -> None:
    """The next window has ended a day after the last; from then on it may wait a day and the source's lateness."""
    found = freshness("a.b", [receipt(0)], now=end(0) + after, lateness=lateness)

    assert (found.state, found.waiting, found.allowance) == (state, waiting, DAY + lateness)


def test_what_was_never_received_is_never_fresh() -> None:
    """Neither without receipts nor with attempts that failed."""
    failed = receipt(0, complete=False)

    assert freshness("a.b", [], now=START).state == NEVER
    assert freshness("a.b", [failed], now=end(0)).state == NEVER
    assert [gap.cause for gap in freshness("a.b", [failed], now=end(0)).gaps] == ["the collection did not finish"]


def test_files_that_were_handed_in_have_no_plan() -> None:
    """A stream that only people hand in cannot be overdue."""
    body = {"file": "x.json", "asked_at": instant(START), "gaps": [], "complete": True}
    found = freshness("a.b", [Receipt("k", "d", body)], now=START + 100 * DAY)

    assert (found.state, found.fresh, found.asked_at) == (HANDED_IN, True, START)


def test_a_gap_stays_until_the_window_is_received_whole() -> None:
    """A later whole look closes it; a later attempt that says more replaces what the earlier one said."""
    lost = [receipt(0, gaps=("kept 7 days",)), receipt(1)]

    assert [gap.cause for gap in freshness("a.b", lost, now=end(1)).gaps] == ["kept 7 days"]
    assert freshness("a.b", [*lost, receipt(0, read=1)], now=end(1)).gaps == ()

    again = [receipt(0, complete=False), receipt(0, attempt=1)]
    assert freshness("a.b", again, now=end(0)).gaps == ()


@given(st.sets(st.integers(0, 20), min_size=1), st.randoms())
def test_holes_are_exactly_the_days_between_that_were_not_asked(days: set[int], random: Any) -> None:
    """Whatever the order of the receipts."""
    receipts = [receipt(day) for day in days]
    random.shuffle(receipts)
    holes = freshness("a.b", receipts, now=end(21)).holes
    missing = {n for start, stop in holes for n in range((start - START) // DAY, (stop - START) // DAY)}

    assert missing == set(range(min(days), max(days))) - days
