"""A second run with nothing new asks nothing again; whatever a result rests on, a change of it is noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from controls.definitions import catalogue
from reports.period import assess
from reports.unchanged import inputs_sha256, note, noted
from tests.reports.small_home import NOW, PERIOD, make_home
from warehouse.open import open_home

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.home import Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with two weeks of records."""
    return make_home(tmp_path_factory.mktemp("home"))


def test_the_same_inputs_are_not_asked_about_again(home: Home) -> None:
    """The kept results come back as they are, until the code is another; without a digest of it all is asked."""
    period = home.config.period(PERIOD)
    first = assess(home, period, now=NOW, code="a")
    kept = home.path / "assessments" / f"{PERIOD}.json"
    whole = kept.read_text()

    kept.write_text("[]")
    assert assess(home, period, now=NOW, code="a") == []
    assert assess(home, period, now=NOW, code="b") == first
    assert kept.read_text() == whole
    kept.unlink()
    assert len(assess(home, period, now=NOW, code="b")) == len(catalogue())


def test_settings_receipts_and_tables_change_the_digest(home: Home, tmp_path: Path) -> None:
    """Where sources are asked says nothing of what was found; everything else does."""
    period = home.config.period(PERIOD)

    def digest(**settings: object) -> str:
        path = home.config.root / "evidence.yaml"
        held = path.read_text()
        path.write_text(yaml.safe_dump({**yaml.safe_load(held), **settings}))
        try:
            return inputs_sha256(open_home(path, now=NOW), period, code="a", as_of=NOW)
        finally:
            path.write_text(held)

    same = digest()
    assert digest(sources={"vault": {"devices": {"file": "audit.log"}}}) == same
    assert digest(scope={}) != same
    assert digest(zone="Asia/Tokyo") != same
    file = tmp_path / "late.json"
    file.write_text("{}")
    home.custody.keep_file("company.incidents", file, name="late.json", now=NOW)
    received = digest()
    assert received != same
    home.builder().build()
    assert digest() not in {same, received}


def test_a_note_is_of_one_thing(home: Home) -> None:
    """What was noted of the pack says nothing of the results of another period."""
    period = home.config.period("2026-07")
    note(home, period, "pack", "d1", "SOX-1")
    assert noted(home, period, "pack") == ("d1", "SOX-1")
    assert noted(home, period, "results") == ("", "")
