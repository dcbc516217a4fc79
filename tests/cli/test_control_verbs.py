"""`evidence test` and `evidence scenario`: exit codes, and the JSON that other people's scripts read."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A company that collected nothing yet."""
    path = tmp_path / "evidence.yaml"
    path.write_text("company: Example\nzone: Europe/Berlin\n", encoding="utf-8")
    return path


def test_empty_home_is_no_pass(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without evidence nothing is an exception, and nothing is effective."""
    code = main(["test", "--config", str(config), "--period", "2024Q1", "--json"])
    printed = json.loads(capsys.readouterr().out)

    assert code == 0
    assert {result["conclusion"] for result in printed} == {"SCOPE_LIMITATION"}


def test_one_control_as_a_table(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table names the control, its conclusion, and why."""
    assert main(["test", "--config", str(config), "--period", "2024-01", "--control", "CHG-01"]) == 0
    printed = capsys.readouterr().out

    assert "CHG-01   SCOPE_LIMITATION" in printed
    assert "answers lack evidence" in printed


def test_unknown_control_is_a_usage_error(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A control that is not there is named, with those that are."""
    assert main(["test", "--config", str(config), "--control", "CHG-99"]) == 2
    assert "'CHG-99' is not in the catalogue; there are APD-01" in capsys.readouterr().err


@pytest.mark.slow
def test_scenario_prints_the_contract(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An object per folder with what was expected, what was found, and exceptions that nobody expected."""
    code = main(["scenario", str(shared / "scenarios/dev/S06"), "--json"])
    printed = json.loads(capsys.readouterr().out)

    assert code == 0
    assert [(one["id"], one["passed"], one["unexpected_exceptions"]) for one in printed] == [("S06", True, [])]
    assert {"control", "population", "attribute", "item", "verdict"} <= set(printed[0]["actual"][0])
    assert printed[0]["expected"][0]["verdict"] == printed[0]["actual"][0]["verdict"]


@pytest.mark.slow
def test_scenario_that_expects_other_fails(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A verdict that is not as expected is printed beside what was found; the exit code is 1."""
    folder = tmp_path / "dev" / "other"
    shutil.copytree(shared / "scenarios/dev/S06", folder)
    held = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    held["expected"][0]["verdict"] = "PASS"
    held["clean"] = [{"control": "CHG-01", "item": held["expected"][0]["item"]}]
    (folder / "expected.json").write_text(json.dumps(held), encoding="utf-8")

    code = main(["scenario", str(folder.parent), "--base", str(shared / "scenarios/base"), "--controls", "CHG-01"])
    printed = capsys.readouterr().out

    assert code == 1
    assert "expected PASS, found EXCEPTION: 0 independent approval(s) in force, 1 needed" in printed
    assert "not expected: CHG-01.A" in printed
    assert "0 of 1 scenarios passed" in printed


def test_folder_without_scenarios_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that holds no scenario is a usage error."""
    assert main(["scenario", str(tmp_path)]) == 2
    assert "is no scenario folder and holds none" in capsys.readouterr().err
