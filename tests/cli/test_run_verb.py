"""`evidence run`: a day's work, and a period of any form up to its signed pack, by the jobs that Dagster holds."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from cli.main import main
from controls.definitions import catalogue
from evidence.config import load_config
from reports import assessment

if TYPE_CHECKING:
    from pathlib import Path

    import dagster as dg

    from evidence.config import Config

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Dagster's notices of beta features
    from assets.chosen import PACK
    from assets.quarter import control_key
    from assets.running import instance

AUDIT = {
    "time": "2026-07-01T10:00:00.123456789Z", "type": "request", "auth": {"token_type": "service"},
    "request": {"id": "r-1", "operation": "read", "path": "secret/data/app"},
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A company that `init` made, with one audit device of Vault."""
    assert main(["init", str(tmp_path)]) == 0
    path = tmp_path / "evidence.yaml"
    log = tmp_path / "audit.log"
    log.write_text(json.dumps(AUDIT) + "\n")
    text = path.read_text().replace("sources: {}", f"sources: {{vault: {{devices: {{file: '{log}'}}}}}}")
    path.write_text(text)
    return load_config(path)


def run(config: Config, *args: str) -> int:
    """`evidence run` with the configuration."""
    return main(["run", "--config", str(config.root / config.file_name), *args])


def partitions(config: Config, key: dg.AssetKey) -> set[str]:
    """The partitions of an asset that a run filled."""
    with instance(config.home_path) as opened:
        return opened.get_materialized_partitions(key)


@pytest.mark.slow
def test_a_chosen_period_ends_in_a_signed_pack(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """No quarter: its days and those around it are collected, it is assessed, and its pack verifies."""
    assert run(config, "--period", "2026-07-01..2026-07-03") == 0
    told = capsys.readouterr().out
    pack = config.home_path / "packs" / "SOX-2026-07-01_2026-07-03-v1.pdf"
    assert "Collecting and building 2026-06-30 to 2026-07-05" in told
    assert told.endswith(f"Pack: {pack}\n")
    results = assessment.load(config.home_path / "assessments", config.period("2026-07-01..2026-07-03"))
    assert [result.control.id for result in results] == list(catalogue())
    assert partitions(config, PACK) == {"2026-07-01..2026-07-03"}
    assert partitions(config, control_key("CHG-01")) == set()
    assert main(["verify", str(pack), "--trust", str(config.keys_path / "trust.json")]) == 0

    assert run(config, "--period", "2026-07-01..2026-07-03") == 0
    told = capsys.readouterr().out
    assert "nothing to collect" in told
    assert [path.name for path in pack.parent.glob("*.pdf")] == [pack.name]


@pytest.mark.slow
def test_a_day_is_collected_and_its_quarter_asked(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """`--date` does what the schedules do for a day; a pack is not due."""
    assert run(config, "--date", "2026-07-01") == 0
    told = capsys.readouterr().out
    assert "Collecting and building 2026-07-01 to 2026-07-01" in told
    assert "Testing controls over 2026Q3 so far" in told
    assert partitions(config, control_key("CHG-01")) == {"2026-07-01"}
    assert not list((config.home_path / "packs").glob("*.pdf"))


def test_a_period_still_to_come_is_told(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing can be asked of days that have not ended: exit 2, and nothing is written."""
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date()
    before = sorted(config.home_path.rglob("*"))
    for chosen in (("--date", tomorrow.isoformat()), ("--period", f"{tomorrow}..{date(tomorrow.year + 1, 12, 31)}")):
        assert run(config, *chosen) == 2
        assert "no day of it has ended" in capsys.readouterr().err
    assert sorted(config.home_path.rglob("*")) == before
