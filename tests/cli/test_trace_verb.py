"""`evidence trace`: from a number or a verdict down to the bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from evidence.canonical import sha256
from evidence.custody import capture_key
from reports.period import keep, measure
from tests.reports.small_home import NOW, PERIOD, REPO, at, fortnight, incident, make_home, sha, take
from warehouse.published import append

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from warehouse.home import Home

CFR = "change_failure_rate|all|window|2026-07-01"


def keep_quarter(home: Home, *, days: int = 0) -> None:
    """Measure the quarter and keep it, some days after `NOW`."""
    period, now = home.config.period(PERIOD), NOW + timedelta(days=days)
    keep(home, period, measure(home, period, now=now), now=now)


def fresh(folder: Path) -> Home:
    """The fortnight, measured."""
    made = make_home(folder)
    take(made, fortnight())
    keep_quarter(made)
    return made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One that no test changes."""
    return fresh(tmp_path_factory.mktemp("trace"))


def ask(home: Home, capsys: pytest.CaptureFixture[str], name: str, *options: str) -> dict[str, Any]:
    """The one finding of a call."""
    assert main(["trace", name, "--config", str(home.config.root / "evidence.yaml"), "--json", *options]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    return dict(found)


def below(step: dict[str, Any]) -> set[tuple[str, str]]:
    """What a step leads to."""
    return {(s["relation"], s["id"]) for s in step["steps"]}


def streams(steps: Iterable[dict[str, Any]]) -> set[str]:
    """The streams of the records of some steps."""
    return {record["stream"] for step in steps for record in step["records"]}


def test_a_rate_leads_to_deployments_commits_and_incidents(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Numerator and denominator are the facts that were counted; the failed deployment leads to what failed it."""
    found = ask(home, capsys, CFR)
    (failed,) = [s for s in found["steps"] if s["relation"] == "numerator"]

    assert found["found"]["numerator"] == 1
    assert found["found"]["recomputed"] == "the same"
    assert len([s for s in found["steps"] if s["relation"] == "denominator"]) == found["found"]["n"] == 14
    assert failed["id"] == "3"
    assert below(failed) == {
        ("carried", f"{REPO}@{sha(2)}"),
        ("failed by manual, confidence 1.0", "INC-1"),
        ("failed by temporal, confidence 0.5, not counted", "INC-1"),
    }
    assert streams([failed]) == {"github.deployments", "github.deployment_statuses"}
    assert streams(failed["steps"]) == {"git.commits", "company.incidents"}


def test_every_record_is_found_in_its_capture(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """The text of a record is that of the bytes in the store, under the name that they have."""
    steps = ask(home, capsys, "lead_time|app|week|2026-07-06", "--bytes")["steps"]
    (first, *rest) = [record for step in steps for record in step["records"]]

    assert len(rest) == 6
    data = home.custody.body(first["capture"])
    assert first["key"] == capture_key(sha256(data))
    assert json.loads(data)[first["record"]] == json.loads(first["text"])
    assert first["text"].encode() in data


def test_a_week_rests_on_its_days_alone(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """The second week has the deployments of its seven days."""
    steps = ask(home, capsys, "deployment_frequency|all|week|2026-07-06")["steps"]

    assert sorted(int(s["id"]) for s in steps) == [6, 7, 8, 9, 10, 11, 12]


def test_a_service_level_leads_to_its_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A day's level rests on the answers of the range queries that reach into it, however many days they span."""
    made = make_home(tmp_path)
    begin = int((datetime(2026, 7, 2, 23, tzinfo=UTC)).timestamp())
    values = [[begin + 600 * index, "0.0005"] for index in range(12)]
    take(made, {"prometheus.ranges": [{"metric": {"service": "app", "q": "error_rate"}, "values": values}]})
    keep_quarter(made)

    for day in ("2026-07-02", "2026-07-03"):
        found = ask(made, capsys, f"availability|all|day|{day}")
        (step,) = found["steps"]
        assert (found["found"]["n"], round(found["found"]["value"], 6)) == (6, 0.9995)
        assert (step["kind"], step["id"]) == ("series", f"app@{day}")
        assert streams([step]) == {"prometheus.ranges"}


def test_an_earlier_version_keeps_its_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After a restatement the name leads to the new version, and the old id to what was known then."""
    made = fresh(tmp_path)
    old = ask(made, capsys, CFR)["found"]["metric_value_id"]
    take(made, {"company.incidents": [incident("INC-9", at(4, 640), at(4, 660), {"repo": REPO, "deployment": 5})]})
    keep_quarter(made, days=1)
    new, before = ask(made, capsys, CFR), ask(made, capsys, old[:16])

    assert [new["found"][k] for k in ("version", "numerator", "recomputed")] == [2, 2, "the same"]
    assert before["found"]["numerator"] == 1
    assert before["found"]["recomputed"].startswith("differs")
    assert [s["id"] for s in before["steps"] if s["relation"] == "numerator"] == ["3"]
    assert [s["id"] for s in new["steps"] if s["relation"] == "numerator"] == ["3", "5"]


def test_a_day_whose_fact_moved_away_is_withdrawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A corrected incident counts on its new day; the value of the old day is no more, and its version says so."""
    made = fresh(tmp_path)
    moved = incident("INC-1", at(3, 640), at(3, 660), {"repo": REPO, "deployment": 3})
    take(made, {"company.incidents": [moved]}, now=NOW + timedelta(hours=1))
    keep_quarter(made, days=1)
    keep_quarter(made, days=2)
    with made.connection() as con:
        rows = con.execute(
            "SELECT period_start::VARCHAR, version, status FROM metric_value_current"
            " WHERE metric = 'mttr' AND grain = 'day' AND service = 'all' ORDER BY ALL"
        ).fetchall()

    assert rows == [("2026-07-03", 2, "withdrawn"), ("2026-07-04", 1, "insufficient")]
    assert len(ask(made, capsys, "mttr|all|week|2026-06-29")["steps"]) == 1


def test_a_verdict_leads_to_its_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With their natural key and the receipt of the collection that brought them."""
    made = make_home(tmp_path)
    take(made, {"git.commits": fortnight()["git.commits"]})
    with made.connection() as con:
        capture, record = con.execute("SELECT capture, record FROM git_commits WHERE sha = ?", [sha(4)]).fetchall()[0]
    common = {"period": PERIOD, "control": "CHG-11", "version": 1, "assessed_at": NOW}
    proof = [{"stream": "git.commits", "capture": capture, "record": record}]
    subject = f"{REPO}/with/slashes"
    verdict = {"population": "x", "subject": subject, "attribute": "A", "verdict": "EXCEPTION", "reason": "seen"}
    append(made.lake, "control_verdicts", [common | verdict | {"evidence": json.dumps(proof)}])
    append(made.lake, "control_conclusions", [common])
    found = ask(made, capsys, f"CHG-11.A/{subject}")
    (source,) = found["steps"][0]["records"]

    assert (found["found"]["verdict"], found["found"]["reason"]) == ("EXCEPTION", "seen")
    assert source["natural_key"].endswith(sha(4))
    assert source["receipt"] in {receipt.sha256 for receipt in made.custody.receipts("git.commits")}


def test_the_bytes_of_a_record_are_printed_alone(home: Home, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """As received, without a newline of ours, and with a warning beside them."""
    with home.connection() as con:
        capture, record = con.execute("SELECT capture, record FROM git_commits WHERE sha = ?", [sha(4)]).fetchall()[0]
    config = ["--config", str(home.config.root / "evidence.yaml")]
    assert main(["trace", f"{capture}:{record}", "--bytes", *config]) == 0
    printed = capfdbinary.readouterr()

    assert json.loads(printed.out)["sha"] == sha(4)
    assert printed.out in home.custody.body(capture)
    assert b"may hold secrets" in printed.err


def test_bytes_that_were_changed_are_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A capture that is not what its name says is an integrity error, exit 1."""
    made = fresh(tmp_path)
    record = ask(made, capsys, "lead_time|app|day|2026-07-02")["steps"][0]["records"][0]
    path = made.store.local_path(record["key"])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"change", b"chance"))

    assert main(["trace", CFR, "--bytes", "--config", str(made.config.root / "evidence.yaml")]) == 1
    assert "no longer holds the bytes" in capsys.readouterr().err


def test_a_person_sees_a_tree(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """The value, its facts, their records with the file, and how many more there are."""
    config = ["--config", str(home.config.root / "evidence.yaml")]
    assert main(["trace", "deployment_frequency|all|quarter|2026-07-01", *config]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main(["trace", "pipeline_duration|all|quarter|2026-07-01", "--all", *config]) == 0

    assert lines[1].startswith("  value 14.0, unit deployments, n 14")
    assert sum(line.startswith("  sample: deployment ") for line in lines) == 14
    assert any("captures/" in line for line in lines)


@pytest.mark.parametrize("name", ["x", "mttr|all|week|1999-01-04", "CHG-01.A/nothing", "ab" * 32 + ":0", "ab" * 8])
def test_what_is_not_kept_is_said_with_the_next_step(home: Home, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and where the names are listed."""
    assert main(["trace", name, "--config", str(home.config.root / "evidence.yaml")]) == 2
    assert "Next: " in capsys.readouterr().err
