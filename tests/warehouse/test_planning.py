"""Plans: the quarter that runs and the next one, stated once, again when the streams change."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import yaml

from cli.main import main
from evidence.ledger.statements import CodeIdentity
from warehouse.open import open_home
from warehouse.planning import quarters, state_plans

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from warehouse.home import Home

CODE = CodeIdentity("1" * 40, tree_clean=True, lock_sha256="ab" * 32)
NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)


def company(folder: Path, **settings: object) -> Home:
    """A home with a Vault."""
    base = {
        "company": "Acme", "zone": "America/New_York", "fiscal_year_starts": 2, "store": {"retention_years": 0},
        "sources": {"vault": {"devices": {"file": "vault.log"}}},
    }  # fmt: skip
    (folder / "evidence.yaml").write_text(yaml.safe_dump({**base, **settings}))
    return open_home(folder / "evidence.yaml", now=NOW)


def plans(home: Home) -> list[dict[str, object]]:
    """The plans in the ledger."""
    found = [json.loads(text) for text in home.log.entries(0, home.log.refresh())]
    return [value for value in found if value["kind"] == "plan"]


def test_the_running_quarter_and_the_next_are_planned(tmp_path: Path) -> None:
    """In the company's zone and fiscal calendar, with every stream of its sources, before the next one begins."""
    home = company(tmp_path)
    state_plans(home, quarters(home.config, NOW), code=CODE, now=NOW)
    running, coming = plans(home)
    assert (running["name"], running["period_start"]) == ("2027Q3", "2026-08-01T04:00:00Z")
    assert (coming["name"], coming["period_start"], coming["period_end"]) == (
        "2027Q4", "2026-11-01T04:00:00Z", "2027-02-01T05:00:00Z",
    )  # fmt: skip
    assert coming["streams"] == ["vault.audit"]
    assert coming["sla_hours"] == 72


def test_a_plan_is_stated_once(tmp_path: Path) -> None:
    """Another day and other code change nothing; another SLA or another stream is another plan."""
    home = company(tmp_path)
    state_plans(home, quarters(home.config, NOW), code=CODE, now=NOW)
    later = datetime(2026, 10, 1, tzinfo=UTC)
    other = CodeIdentity("2" * 40, tree_clean=False, lock_sha256="cd" * 32)
    assert state_plans(home, quarters(home.config, later), code=other, now=later) == []
    changed = company(tmp_path, scope={"parameters": {"P_LATE": 48}})
    assert [plan.sla_hours for plan in state_plans(changed, quarters(home.config, later), code=other, now=later)] == [
        48,
        48,
    ]
    assert len(plans(changed)) == 4


def test_the_verb_states_plans_and_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`evidence plan` says what is promised, and from when; the second time it states nothing."""
    assert main(["init", str(tmp_path / "acme")]) == 0
    config = tmp_path / "acme" / "evidence.yaml"
    config.write_text(config.read_text().replace("sources: {}", "sources: {vault: {devices: {file: vault.log}}}"))
    capsys.readouterr()
    assert main(["plan", "--config", str(config)]) == 0
    definitions, running, coming = capsys.readouterr().out.splitlines()
    assert definitions.split()[0] != "0"
    assert "1 streams; it has begun" in running
    assert coming.endswith("not included): 1 streams")
    assert main(["plan", "--config", str(config)]) == 0
    assert capsys.readouterr().out.count("as stated before") == 3
    home = open_home(config, now=NOW)
    assert len(plans(home)) == 2
    assert home.log.latest() is not None
