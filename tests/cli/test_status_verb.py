"""`evidence status`: what it counts, in three forms, and as an asset check."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from evidence.capture import Gap, Outcome, Window
from evidence.sources.base import Stream
from tests.reports.small_home import make_home
from warehouse import census
from warehouse.status import status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from evidence.sources.base import Keep
    from warehouse.home import Home

DAY = timedelta(days=1)
START = datetime(2026, 7, 1, tzinfo=UTC)
STREAM = "github.audit_log"


@dataclass
class Source:
    """Answers with the events that it is given for the next question."""

    answer: list[Any] = field(default_factory=list)
    gaps: tuple[Gap, ...] = ()
    streams: tuple[Stream, ...] = (Stream(STREAM, "events", DAY),)

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """Hand over the answer."""
        del stream, window, cursor, now
        keep(json.dumps(self.answer).encode(), request="GET /audit-log", response={"status": 200})
        return Outcome(gaps=self.gaps)

    def close(self) -> None:
        """Nothing is open."""


def event(number: int, at: datetime, action: str = "repo.access", **more: object) -> dict[str, object]:
    """An audit event."""
    return {"_document_id": f"d{number}", "action": action, "created_at": int(at.timestamp() * 1000), **more}


def collect(
    home: Home, day: int, *answer: Any, read: int = 0, after: timedelta = timedelta(hours=6), **more: Any
) -> None:
    """Ask for one day."""
    window = Window(START + day * DAY, START + (day + 1) * DAY)
    home.custody.collect(Source(list(answer), **more), STREAM, window, now=window.end + after, read=read)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Twelve days but one: a late event, a gap, a record that is none, a new action with a new field."""
    made = make_home(tmp_path)
    for day in range(12):
        if day == 5:
            continue
        at = START + day * DAY + timedelta(hours=3)
        more: dict[str, Any] = {"gaps": (Gap(at, at + DAY / 24, "kept 7 days"),)} if day == 8 else {}
        last = [event(100, at, "org.invented", surprise=1)] if day == 11 else []
        collect(made, day, event(day, at), *last, *([7] if day == 2 else []), **more)
    first = START + timedelta(hours=3)
    collect(made, 0, event(0, first), event(50, first), read=1, after=DAY)
    made.custody.publish(made.log, made.custody.receipts())
    made.builder().build()
    return made


def of(home: Home, now: datetime) -> dict[str, Any]:
    """The stream, as `--json` tells it."""
    (found,) = [s.as_json() for s in status(home, now=now).streams if s.fresh.stream == STREAM]
    return found


def test_everything_about_a_stream_is_counted(home: Home) -> None:
    """The last window, the gap, the day that was never asked, what only the re-read brought, quarantine, drift."""
    found = of(home, START + 12 * DAY + timedelta(hours=7))

    assert (found["state"], found["window_end"]) == ("fresh", "2026-07-13T00:00:00Z")
    assert [gap["cause"] for gap in found["gaps"]] == ["kept 7 days"]
    assert found["holes"] == [{"start": "2026-07-06T00:00:00Z", "end": "2026-07-07T00:00:00Z"}]
    assert (found["late"], found["latest_hours"]) == (1, 45)
    assert found["quarantined"] == 1
    assert "object" in found["quarantine_reason"]
    assert {(d["kind"], d["name"], d["is_read"]) for d in found["drift"]} == {
        ("field", "surprise", False), ("kind", "org.invented", True),
    }  # fmt: skip
    assert found["unread_fields"] == ["surprise"]


def test_news_grow_old(home: Home) -> None:
    """What was new a month ago is no news; what is not collected any more is stale."""
    found = of(home, START + 60 * DAY)

    assert found["drift"] == []
    assert (found["state"], found["waiting_hours"]) == ("stale", 47 * 24)


def test_the_census_counts_each_receipt_once(home: Home) -> None:
    """A second look counts nothing, and a new receipt alone."""
    assert census.take(home) == len(home.custody.receipts())
    assert census.take(home) == 0

    collect(home, 12, event(12, START + 12 * DAY))
    assert census.take(home) == 1


def test_store_and_ledger_are_told(home: Home) -> None:
    """Receipts that are not in the ledger are counted, and statements that no checkpoint covers."""
    collect(home, 12)
    found = status(home, now=START + 13 * DAY)

    assert found.store["receipts"] == 13
    assert found.ledger["unpublished_receipts"] == 1
    assert found.ledger["unsigned"] == found.ledger["statements"] == 12


def test_a_configured_stream_that_was_never_asked_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Silence of a source is no freshness."""
    made = make_home(tmp_path)
    config = made.config.root / "evidence.yaml"
    config.write_text(config.read_text() + "sources: {vault: {devices: {file: audit.log}}}\n")

    assert main(["status", "--config", str(config), "--csv"]) == 0
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert (row["stream"], row["state"], row["last_window_ended"]) == ("vault.audit", "never", "")


def test_three_forms_say_the_same(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Table, JSON with the controls that rest on each stream, CSV; exit 0 whatever is found."""
    verb = ["status", "--config", str(home.config.root / "evidence.yaml")]
    assert main(verb) == 0
    table = capsys.readouterr().out
    assert main([*verb, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main([*verb, "--csv"]) == 0
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())

    (stream,) = told["streams"]
    assert "CHG-02" in stream["controls"]
    assert [row["gaps"], row["holes"], row["late"], row["drift"]] == ["1", "1", "1", str(len(stream["drift"]))]
    assert "kept 7 days" in table
    never = "gap 2026-07-06T00:00:00Z to 2026-07-07T00:00:00Z, missed: it was never asked; the source keeps it until "
    assert f"{never}2027-01-02T00:00:00Z; elasticsearch.github_audit_log may have it" in table
    assert [gap["state"] for gap in stream["gap_records"]] == ["missed", "lost"]
    assert "controls that rest on it: " in table
    assert "Ledger: origin acme/delivery-evidence, statements 12" in table
