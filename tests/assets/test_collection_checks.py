"""The checks of a stream's asset: received whole, and fresh."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

import assets.collection
import warehouse.home
from assets.resources import HomeResource
from evidence.capture import Outcome
from evidence.sources.vault import STREAMS
from tests.reports.small_home import make_home

if TYPE_CHECKING:
    from pathlib import Path

STREAM = STREAMS[0].name


class Silent:
    """A source that has nothing to tell, and tells so."""

    streams = STREAMS

    def collect(self, *_: object, keep: Any, **__: object) -> Outcome:
        """An empty file."""
        keep(b"", request="FILE audit.log", response={})
        return Outcome()

    def close(self) -> None:
        """Nothing is open."""


def check(
    config: Path, monkeypatch: pytest.MonkeyPatch, *days: str, now: datetime
) -> dict[str, dg.AssetCheckEvaluation]:
    """Materialize the days one after the other; the checks of the last one, by name."""
    monkeypatch.setattr(warehouse.home, "open_source", lambda *_: Silent())
    (vault,) = [a for a in assets.collection.stream_assets() if a.op.name == "collect_vault"]
    home = HomeResource(config_path=str(config), instant=now.isoformat(), patient=False)
    with dg.DagsterInstance.ephemeral() as instance:
        runs = [dg.materialize([vault], partition_key=d, resources={"home": home}, instance=instance) for d in days]
    assert all(run.success for run in runs)
    return {found.check_name: found for found in runs[-1].get_asset_check_evaluations()}


@pytest.mark.parametrize(
    ("days", "now", "passed", "state"),
    [
        (("2026-07-01",), datetime(2026, 7, 2, 6, tzinfo=UTC), True, "fresh"),
        (("2026-07-01",), datetime(2026, 7, 5, 6, tzinfo=UTC), False, "stale"),
        (("2026-07-01", "2026-07-03"), datetime(2026, 7, 4, 6, tzinfo=UTC), True, "fresh"),
    ],
)
@pytest.mark.filterwarnings("ignore::dagster.BetaWarning", "ignore::dagster.PreviewWarning")
def test_a_stream_is_fresh_when_nothing_is_overdue_or_missing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: tuple[str, ...],
    now: datetime,
    passed: bool,
    state: str,
) -> None:
    """Yesterday is here: fresh. Four days later: stale. A day between was left out: it is made up for."""
    made = make_home(tmp_path)
    config = made.config.root / "evidence.yaml"
    config.write_text(config.read_text() + "sources: {vault: {devices: {file: audit.log}}}\n")
    found = check(config, monkeypatch, *days, now=now)

    assert found["received_whole"].passed
    assert found["fresh"].passed is passed
    assert found["fresh"].metadata["state"].value == state
