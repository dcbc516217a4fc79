"""Legal holds: stated before they are put, on what they say, lifted by nothing but a reasoned release."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cli.main import main
from evidence.errors import ConfigError, StoreError
from evidence.ledger.statements import CodeIdentity
from reports.pack.signers import make_signers
from tests.evidence.small_locker import STREAM, Acme, asked, window
from warehouse import holds
from warehouse.open import open_home

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.home import Home

NOW = datetime(2026, 7, 20, tzinfo=UTC)
SAID: dict[str, Any] = {
    "by": "General Counsel", "reason": "litigation", "now": NOW,
    "code": CodeIdentity("1" * 40, tree_clean=True, lock_sha256="a" * 64),
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Three days of two streams."""
    (tmp_path / "evidence.yaml").write_text(yaml.safe_dump({"company": "Acme", "zone": "America/New_York"}))
    made = open_home(tmp_path / "evidence.yaml", now=NOW)
    make_signers(made.config, now=NOW)
    for day in range(3):
        for stream in (STREAM, "acme.people"):
            collect(made, stream, day)
    return made


def collect(home: Home, stream: str, day: int) -> None:
    """Receive a day of a stream."""
    home.custody.collect(Acme(), stream, window(day), now=asked(day))


def held(home: Home) -> set[str]:
    """Every object under a hold."""
    return {key for key in home.store.list("") if home.store.retention(key).legal_hold}


def of(home: Home, stream: str, *days: int) -> set[str]:
    """Receipts, indexes and captures of some days of a stream."""
    starts = {window(day).as_json()["start"] for day in days}
    found: set[str] = set()
    for receipt in home.custody.receipts(stream):
        if receipt.body["window"]["start"] in starts:
            captures = {f"captures/{s.capture[:2]}/{s.capture}" for s in home.custody.sightings(receipt)}
            found |= {receipt.key, receipt.body["index"], *captures}
    return found


def said(home: Home) -> list[dict[str, Any]]:
    """The holds as the ledger states them."""
    found = [json.loads(text) for text in home.log.entries(0, home.log.refresh())]
    return [value for value in found if value["kind"] == "hold"]


def place(home: Home, name: str, stream: str | None = None, period: str | None = None) -> holds.Held:
    """Place a hold."""
    return holds.place(home, name, stream=stream, period=home.config.period(period) if period else None, **SAID)


def test_a_hold_is_on_what_it_says(home: Home) -> None:
    """One day of one stream: its receipt, index and captures, and nothing else; the ledger says so."""
    found = place(home, "LIT-1", STREAM, "2026-07-02")
    assert held(home) == of(home, STREAM, 1)
    (statement,) = said(home)
    assert (statement["hold"], statement["prefix"], statement["placed"]) == ("LIT-1", f"receipts/{STREAM}/", True)
    assert statement["objects"] == found.objects == len(of(home, STREAM, 1))
    assert (found.stream, found.in_force, found.by) == (STREAM, True, "General Counsel")


def test_a_hold_on_everything(home: Home) -> None:
    """Without stream and period every receipt is held."""
    place(home, "LIT-1")
    assert held(home) == of(home, STREAM, 0, 1, 2) | of(home, "acme.people", 0, 1, 2)


def test_placing_again_states_nothing_new_and_extends(home: Home) -> None:
    """The same hold is one; what arrived since joins it, stated once."""
    place(home, "LIT-1", STREAM)
    place(home, "LIT-1", STREAM)
    assert len(said(home)) == 1
    collect(home, STREAM, 3)
    assert [one.name for one in holds.extend(home, code=SAID["code"], now=NOW)] == ["LIT-1"]
    assert holds.extend(home, code=SAID["code"], now=NOW) == []
    assert held(home) == of(home, STREAM, 0, 1, 2, 3)
    assert len(said(home)) == 2


def test_a_hold_that_was_interrupted_is_completed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stated first; the same command puts it on what it had not reached."""
    whole = home.store.retain
    calls = 0

    def dies(key: str, *, legal_hold: bool) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise StoreError("the disk is gone")
        whole(key, legal_hold=legal_hold)

    with monkeypatch.context() as patched:
        patched.setattr(home.store, "retain", dies)
        with pytest.raises(StoreError, match="the disk is gone"):
            place(home, "LIT-1", STREAM)
    assert len(held(home)) == 2
    place(home, "LIT-1", STREAM)
    assert held(home) == of(home, STREAM, 0, 1, 2)
    assert len(said(home)) == 1


def test_a_release_lifts_what_no_other_hold_covers(home: Home) -> None:
    """A person and a reason, a statement, and the rest stays held; retention stays as it was."""
    place(home, "LIT-1", STREAM)
    place(home, "LIT-2", STREAM, "2026-07-01..2026-07-03")
    until = {key: home.store.retention(key).until for key in held(home)}
    found = holds.release(home, "LIT-1", **SAID)
    assert not found.in_force
    assert held(home) == of(home, STREAM, 0, 1)
    assert {key: home.store.retention(key).until for key in until} == until
    holds.release(home, "LIT-1", **SAID)
    assert [one["placed"] for one in said(home)] == [True, True, False]
    collect(home, STREAM, 3)
    assert holds.extend(home, code=SAID["code"], now=NOW) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by": " "}, "names a person and a reason"),
        ({"reason": ""}, "names a person and a reason"),
    ],
)
def test_nobody_and_no_reason_are_refused(change: dict[str, str], message: str, home: Home) -> None:
    """Neither placed nor released without them."""
    place(home, "LIT-1")
    before = held(home)
    with pytest.raises(ConfigError, match=message):
        holds.release(home, "LIT-1", **{**SAID, **change})
    with pytest.raises(ConfigError, match=message):
        holds.place(home, "LIT-2", stream=None, period=None, **{**SAID, **change})
    assert held(home) == before
    assert len(said(home)) == 1


def test_what_cannot_be_held_is_told(home: Home) -> None:
    """A name that is none or taken, a stream that brought nothing, a hold that is not there."""
    place(home, "LIT-1", STREAM)
    with pytest.raises(ConfigError, match="is taken, on something else"):
        place(home, "LIT-1")
    with pytest.raises(ConfigError, match="nothing was received"):
        place(home, "LIT-2", "acme.nothing")
    with pytest.raises(ConfigError, match="is no name of a hold"):
        place(home, "-x")
    with pytest.raises(ConfigError, match="there is no hold 'LIT-9'; there are: LIT-1"):
        holds.release(home, "LIT-9", **SAID)


def test_the_verb(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Placed, listed and released on the command line; each is under a checkpoint at once."""
    config = ["--config", str(home.config.root / "evidence.yaml")]
    person = ["--by", "General Counsel", "--reason", "litigation"]
    assert main(["hold", "list", *config]) == 0
    assert "No hold was ever placed." in capsys.readouterr().out
    assert main(["hold", "place", "LIT-1", *config, "--stream", STREAM, "--period", "2026-07", *person]) == 0
    assert "LIT-1: in force since 20" in capsys.readouterr().out
    assert main(["hold", "release", "LIT-1", *config]) == 2
    assert "names a person and a reason" in capsys.readouterr().err
    assert main(["hold", "release", "LIT-1", *config, *person]) == 0
    capsys.readouterr()
    assert main(["hold", "list", *config, "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["hold"], listed["in_force"], listed["stream"]) == ("LIT-1", False, STREAM)
    assert home.log.refresh() == 2
    assert (home.log.latest() or b"").splitlines()[1] == b"2"
