"""The delivery programme's targets: each against the facts, and never met for want of them."""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from reports.dora.targets import targets
from reports.pack.sections import SECTIONS, render
from reports.period import measure
from tests.reports.small_home import NOW, PERIOD, REPO, at, fortnight, make_home, take

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.home import Home

ROWS = (
    "deployments a week", "lead time", "deployments that succeed", "recovery from an incident",
    "recovery from a failed deployment", "pipeline", "critical vulnerabilities", "service level",
    "response to an alert", "recovery time", "recovery point",
)  # fmt: skip


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The fortnight, without streams beyond deliveries and incidents."""
    made = make_home(tmp_path_factory.mktemp("bare"))
    take(made, fortnight())
    return made


def alert(number: int, severity: str, created: str, **closed: str) -> dict[str, Any]:
    """A Dependabot alert."""
    return {
        "number": number, "state": "open", "created_at": created, "updated_at": created, "_repo": REPO,
        "repository": {"id": 1, "full_name": REPO}, "security_advisory": {"severity": severity}, **closed,
    }  # fmt: skip


def restore_test(name: str, minutes: int, **more: object) -> dict[str, Any]:
    """A restore test on the second day."""
    return {"id": name, "store": "db", "started_at": at(1), "verified_at": at(1, minutes), **more}


def found(home: Home, period: str = PERIOD) -> dict[str, dict[str, Any]]:
    """The rows, by the beginning of their name."""
    asked = home.config.period(period)
    with home.connection() as con:
        rows = targets(con, measure(home, asked, now=NOW), asked)
    assert [next(n for n in ROWS if r["target"].startswith(n)) for r in rows] == list(ROWS)
    return dict(zip(ROWS, rows, strict=True))


def test_deliveries_and_incidents_are_held_against_their_targets(bare: Home) -> None:
    """Values, trend and the share of weeks come from the metrics; a stream that was never asked says so."""
    rows = found(bare)

    assert {name: (row["value"], row["status"]) for name, row in rows.items()} == {
        "deployments a week": (0, "missed"),
        "lead time": (30, "met"),
        "deployments that succeed": (100, "met"),
        "recovery from an incident": (20, "met"),
        "recovery from a failed deployment": (30, "met"),
        "pipeline": (10, "met"),
        "critical vulnerabilities": (None, "no source"),
        "service level": (None, "no source"),
        "response to an alert": (0, "met"),
        "recovery time": (None, "no source"),
        "recovery point": (None, "no source"),
    }
    assert rows["lead time"]["weeks_met"] == "2 of 2"
    assert rows["lead time"]["points"] == [("Jul 2026", 30), ("Aug 2026", None), ("Sep 2026", None)]
    assert "few facts" in rows["recovery from an incident"]["note"]
    assert "github.dependabot_alerts" in rows["critical vulnerabilities"]["note"]


def test_vulnerabilities_count_until_they_are_fixed(tmp_path: Path) -> None:
    """The longest critical one decides; one that is dismissed is open until then, a lesser one does not count."""
    made = make_home(tmp_path)
    first = [alert(1, "critical", at(1), fixed_at=at(1, 60)), alert(2, "high", at(1))]
    take(made, {"github.dependabot_alerts": first})
    assert found(made)["critical vulnerabilities"]["value"] == 1
    assert found(made)["critical vulnerabilities"]["status"] == "met"

    take(made, {"github.dependabot_alerts": [alert(3, "critical", at(1), dismissed_at=at(2), dismissed_reason="x")]})
    assert found(made)["critical vulnerabilities"]["value"] == 24
    assert found(made)["critical vulnerabilities"]["status"] == "missed"  # below 24 hours is asked

    take(made, {"github.dependabot_alerts": [alert(4, "critical", at(90))]})
    assert found(made)["critical vulnerabilities"]["n"] == 3
    assert found(made)["critical vulnerabilities"]["value"] == 48


def test_the_service_level_is_the_mean_of_the_samples(tmp_path: Path) -> None:
    """Samples that two answers share count once; those outside the period do not."""
    made = make_home(tmp_path)
    begin = 1782950400  # 2026-07-02
    labels = {"service": "app", "q": "error_rate"}
    values = [[begin, "0.0"], [begin + 60, "0.004"], [begin + 120, "0.002"]]
    take(made, {"prometheus.ranges": [{"metric": labels, "values": values}]})
    take(made, {"prometheus.ranges": [{"metric": labels, "values": [*values, [begin + 100 * 86400, "1"]]}]})
    row = found(made)["service level"]

    assert (row["value"], row["n"], row["status"]) == (99.8, 3, "missed")


def test_restore_tests_state_time_and_loss(tmp_path: Path) -> None:
    """The worst one decides; one that states no loss leaves the target unknown, not met."""
    made = make_home(tmp_path)
    take(made, {"company.restore_tests": [restore_test("T1", 40, data_loss_minutes=5), restore_test("T2", 20)]})
    rows = found(made)

    assert (rows["recovery time"]["value"], rows["recovery time"]["status"]) == (40, "met")
    assert (rows["recovery point"]["value"], rows["recovery point"]["status"]) == (5, "unknown")
    assert found(made, "2026Q2")["recovery time"]["status"] == "no facts"


def test_the_section_shows_every_target(bare: Home, tmp_path: Path) -> None:
    """In the pack's own session, by the same question."""
    for path in SECTIONS.glob("82_*"):
        shutil.copy(path, tmp_path)
    (tmp_path / "_document.html").write_text("{% for section in body %}{{ section | safe }}{% endfor %}")
    asked = bare.config.period(PERIOD)
    with bare.connection() as con:
        targets(con, measure(bare, asked, now=NOW), asked)
        html = render(con, {}, tmp_path)

    assert all(name in html for name in ROWS)
    assert html.count("no source") == 4


def test_the_verb_prints_targets(bare: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table, as JSON and as CSV; of a folder of facts it refuses."""
    verb = ["dora", "--targets", "--config", str(bare.config.root / "evidence.yaml"), "--period", PERIOD]
    assert main(verb) == 0
    table = capsys.readouterr().out.splitlines()
    assert main([*verb, "--json", "--csv", str(tmp_path / "t.csv")]) == 0
    rows = json.loads(capsys.readouterr().out)
    written = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))

    assert len(table) - 1 == len(rows) == len(written) == len(ROWS)
    assert written[1]["points"] == "Jul 2026 30, Aug 2026 -, Sep 2026 -"
    assert main(["dora", "--targets", "--facts", "."]) == 2
