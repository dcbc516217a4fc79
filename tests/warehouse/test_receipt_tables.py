"""Receipts as tables of a session: which read brought what, what is missing, and who rests on it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from controls.scope import prepare
from evidence.capture import Gap, Outcome
from evidence.collecting import day_window
from evidence.config import Config
from tests.evidence.small_locker import Acme
from warehouse.home import Home

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from evidence.capture import Window
    from evidence.sources.base import Keep

ZONE = "America/New_York"
DAY = date(2026, 7, 1)
WINDOW = day_window(DAY, ZONE)
AUDIT = "github.audit_log"


class Audit(Acme):
    """An audit log that gives these events."""

    events: tuple[dict[str, Any], ...] = ()

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """Give all of them on one page."""
        del stream, window, now
        keep(json.dumps(self.events).encode(), request="GET /audit-log", response={"status": 200})
        return self.outcome(Outcome(cursor))


def event(name: str, hour: int) -> dict[str, Any]:
    """An event of the day."""
    at = round((WINDOW.start + timedelta(hours=hour)).timestamp() * 1000)
    return {"_document_id": name, "action": "repo.access", "created_at": at}


def audit(*events: dict[str, Any]) -> Audit:
    """A source with these events."""
    source = Audit()
    source.events = events
    return source


def session(home: Home) -> duckdb.DuckDBPyConnection:
    """Its tables and views."""
    home.builder().build()
    con = home.connection()
    prepare(con, {}, zone=ZONE, materialise=False)
    return con


def home(folder: Path) -> Home:
    """A home with nothing in it."""
    return Home(Config(company="Acme", zone=ZONE, root=folder), {}, {"name": "tests"})


def test_a_late_record_says_how_late(tmp_path: Path) -> None:
    """What the first read had is not late; what only a re-read brought is, with the read and the delay."""
    opened = home(tmp_path)
    opened.custody.collect(audit(event("a", 3)), AUDIT, WINDOW, now=WINDOW.end + timedelta(hours=2))
    late = audit(event("a", 3), event("b", 5))
    opened.custody.collect(late, AUDIT, WINDOW, now=WINDOW.end + timedelta(days=7), read=3)

    rows = session(opened).execute('SELECT subject, "read", late_by FROM late_arrivals').fetchall()

    assert rows == [(f"{AUDIT}:b", 3, timedelta(days=7, hours=19))]


def test_a_gap_names_the_controls_that_rest_on_its_stream(tmp_path: Path) -> None:
    """Interval, cause, second source and controls, as a fact that questions can read."""
    opened = home(tmp_path)
    lost = Gap(WINDOW.start, WINDOW.start + timedelta(hours=3), "kept 7 days")
    source = audit()
    source.outcome = lambda outcome: replace(outcome, gaps=(lost,), complete=False)
    opened.custody.collect(source, AUDIT, WINDOW, now=WINDOW.end)

    query = "SELECT stream, first_day, last_day, state, cause, second_source, second_source_whole FROM collection_gaps"
    con = session(opened)

    told = (AUDIT, DAY, DAY, "lost", "kept 7 days", "elasticsearch.github_audit_log", False)
    assert con.execute(query).fetchall() == [told]
    (controls,) = con.execute("SELECT controls FROM collection_gaps").fetchone() or ([],)
    assert "CHG-02" in controls
    assert "OPS-05" not in controls
