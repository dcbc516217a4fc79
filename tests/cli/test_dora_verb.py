"""`evidence dora`: its JSON, its CSV, its table and its refusals."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ["metric", "service", "grain", "period_start", "statistic"]
COLUMNS += ["value", "unit", "n", "numerator", "denominator", "status"]
WINDOW = ["--from", "2026-03-02", "--to", "2026-03-30", "--as-of", "2026-03-30T00:00:00Z"]


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    """A folder with one deployment."""
    (tmp_path / "deployments.csv").write_text(
        "deployment_id,service,environment,sha,run_id,run_attempt,created_at,final_state,final_at\n"
        "D1,app,production,a,1,1,2026-03-02T08:00:00Z,success,2026-03-02T08:05:00Z\n"
    )
    return tmp_path


def test_json_is_one_array_of_the_contract(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every object has the keys of the contract; a source that is not there says so."""
    assert main(["dora", "--facts", str(facts), *WINDOW, "--timezone", "UTC", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)

    assert all(list(row) == COLUMNS for row in rows)
    assert {row["grain"] for row in rows} >= {"day", "week", "month", "quarter", "window", "trailing_28d"}
    statuses = {row["metric"]: row["status"] for row in rows if row["grain"] == "window"}
    assert statuses["lead_time"] == statuses["mttr"] == "no_source"


def test_csv_holds_the_same_rows(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The filters of the command line apply to the file too, and nothing else is printed."""
    out = facts / "out.csv"
    chosen = ["--grain", "week", "--metric", "deployment_frequency"]
    assert main(["dora", "--facts", str(facts), *WINDOW, *chosen, "--csv", str(out)]) == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))

    assert capsys.readouterr().out == ""
    assert [row["value"] for row in rows if row["service"] == "app" and row["statistic"] == "count"] == list("1000")


def test_the_table_shows_the_window(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees the headlines, a dash for what is not known, and the guards that do not hold."""
    assert main(["dora", "--facts", str(facts), *WINDOW]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0].split() == ["METRIC", "SERVICE", "PERIOD", "STATISTIC", "VALUE", "UNIT", "N", "STATUS"]
    frequency = next(line for line in lines if line.startswith("deployment_frequency") and " app " in line)
    assert frequency.split()[-4:] == ["1", "deployments", "1", "ok"]
    assert any(line.startswith("guard deployments_with_known_sha") for line in lines)


@pytest.mark.parametrize("option", [["--grain", "year"], ["--metric", "velocity"]])
def test_unknown_names_are_refused_with_the_valid_ones(
    facts: Path, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt filter is no empty answer."""
    assert main(["dora", "--facts", str(facts), *WINDOW, *option]) == 2
    assert "choose from" in capsys.readouterr().err


@pytest.mark.parametrize("instant", ["2026-03-30T00:00:00", "yesterday"])
def test_an_instant_needs_its_offset(facts: Path, instant: str) -> None:
    """An instant without offset is refused by the parser."""
    with pytest.raises(SystemExit, match="2"):
        main(["dora", "--facts", str(facts), *WINDOW[:4], "--as-of", instant])


def test_another_environment_is_measured_by_name(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Staging has no deployments here, and says zero; production is what is measured without a word."""

    def count(*options: str) -> list[int]:
        assert main(["dora", "--facts", str(facts), *WINDOW, "--json", *options]) == 0
        series = {"metric": "deployment_frequency", "statistic": "count", "service": "all", "grain": "window"}
        return [row["value"] for row in json.loads(capsys.readouterr().out) if series.items() <= row.items()]

    assert (count(), count("--environment", "staging")) == ([1], [0])


def test_a_benchmark_names_its_edition(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table and as JSON; an edition that there is not is refused with those that there are."""
    verb = ["dora", "--facts", str(facts), *WINDOW, "--benchmark"]
    assert main([*verb, "2024"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert main([*verb, "2025", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)

    assert table[-1].startswith("edition 2024: ")
    assert {row["benchmark_edition"] for row in rows} == {"2025"}
    assert all(row["clusters"] == {} for row in rows)
    assert main([*verb, "2019"]) == 2
    assert "choose from 2022, 2023, 2024, 2025" in capsys.readouterr().err


def test_rows_that_are_no_facts_are_named(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the error stream, by file and line; the array stays one array, and the guard counts them."""
    with (facts / "deployments.csv").open("a") as file:
        file.write("D2,app\n")
    assert main(["dora", "--facts", str(facts), *WINDOW, "--json"]) == 0
    said = capsys.readouterr()
    assert "deployments.csv:3 left out: 2 fields, where the header has 9" in said.err
    assert isinstance(json.loads(said.out), list)

    assert main(["dora", "--facts", str(facts), *WINDOW]) == 0
    assert "guard rows_quarantined: found 1, limit 0" in capsys.readouterr().out
