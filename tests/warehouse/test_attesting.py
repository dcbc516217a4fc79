"""Attesting: what was received is read again; a change of it, or of the ledger, is told per batch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from evidence.config import Config
from evidence.ledger import keys
from evidence.objects import capture_key
from evidence.periods import period
from tests.evidence.small_locker import STREAM, Acme, asked, window
from warehouse.attesting import attest
from warehouse.home import Home

if TYPE_CHECKING:
    from pathlib import Path

JULY = period("2026-07", zone="Europe/Berlin")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with two days collected, of which the ledger has one under a checkpoint."""
    made = Home(Config(company="Acme", zone="Europe/Berlin", root=tmp_path), {}, {"name": "tests"}, None)
    signer = keys.generate(tmp_path / "log.key", made.config.log_origin)
    for day in range(2):
        made.custody.collect(Acme(), STREAM, window(day), now=asked(day))
        if day == 0:
            made.custody.publish(made.log, made.custody.receipts())
            made.log.checkpoint(signer, datetime(2026, 7, 3, tzinfo=UTC))
    return made


def attested(home: Home) -> list[dict[str, Any]]:
    """The records of July."""
    return list(attest(home, JULY))


def test_each_batch_is_read_again(home: Home) -> None:
    """One under a checkpoint is included; one that was not published has no leaf; other periods are left alone."""
    first, second = attested(home)

    assert first["sha256"] == first["rehash"] == first["leaf"]
    assert (first["intact"], first["included"], first["consistent"]) == (True, True, True)
    assert (second["leaf"], second["intact"], second["included"]) == (None, True, False)
    assert "mode" not in first["lock"]
    assert list(attest(home, period("2026-06", zone="Europe/Berlin"))) == []


def test_a_changed_capture_is_told(home: Home) -> None:
    """With what is wrong; the other batches stay as they are."""
    capture = next(home.custody.sightings(home.custody.receipts()[0])).capture
    path = home.path / "locker" / "objects" / capture_key(capture)
    path.chmod(0o600)
    path.write_bytes(b"changed")
    first, second = attested(home)

    assert not first["intact"]
    assert first["problem"]
    assert second["intact"]


def test_a_changed_ledger_is_told_of_every_batch(home: Home) -> None:
    """No batch counts as included in a log that does not follow from its statements."""
    path = next((home.path / "locker" / "objects" / "ledger" / "tile").rglob("*.p/1"))
    path.chmod(0o600)
    path.write_bytes(bytes(len(path.read_bytes())))

    assert [(r["included"], r["consistent"]) for r in attested(home)] == [(False, False)] * 2


def test_the_verb_keeps_what_it_found(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its records are evidence of their own, built and published; 1 where a batch is not in the ledger."""
    monkeypatch.setattr("cli.attest.open_home", lambda _args: home)
    assert main(["attest", "--period", "2026-07"]) == 1
    told = capsys.readouterr().out
    (rows,) = home.connection().execute("SELECT count(*), count(leaf) FROM evidence_manifests").fetchall()

    assert "2026-07: 2 batches read again, 1 not as they were received and logged" in told
    assert f"{STREAM} " in told
    assert rows == (2, 1)
    assert home.log.size == 2
