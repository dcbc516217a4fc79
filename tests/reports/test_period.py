"""One rule for how late evidence may be: verdicts, metrics, `evidence test` and the jobs all go by it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from cli.main import main
from controls import engine
from reports import assessment
from reports.period import assess
from tests.reports.small_home import NOW, PERIOD, make_home

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import pytest

    from controls.results import ControlResult


def test_a_period_is_known_up_to_its_freeze_or_now(tmp_path: Path) -> None:
    """P_LATE after its end; before that, what is known now, so that nobody has missed a date that is still to come."""
    home = make_home(tmp_path)
    period = home.config.period(PERIOD)
    assert home.config.known_until(period, NOW) == period.end + timedelta(hours=72)
    assert home.config.known_until(period, period.end - timedelta(days=30)) == period.end - timedelta(days=30)


def test_every_way_to_test_goes_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept, and what `evidence test` prints: the engine is asked about the same time."""
    home = make_home(tmp_path)
    period = home.config.period(PERIOD)
    asked = []

    def test(*_: object, freeze_at: datetime) -> list[ControlResult]:
        asked.append(freeze_at)
        return []

    monkeypatch.setattr(engine, "test", test)
    assess(home, period, now=NOW)
    assert main(["test", "--config", str(tmp_path / "evidence.yaml"), "--period", PERIOD, "--json"]) == 0

    assert asked == [period.end + timedelta(hours=72)] * 2
    assert json.loads((home.path / "assessments" / f"{PERIOD}.json").read_text()) == []
    assert assessment.load(home.path / "assessments", period) == []
