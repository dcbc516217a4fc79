"""`evidence verify --reperform`: the tables rebuilt from the captures, every control asked again."""

from __future__ import annotations

import gc
import json
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from evidence.ledger.statements import CodeIdentity
from evidence.objects import capture_key
from evidence.verify.__main__ import main as stand_alone
from reports import assessment
from reports.pack.signers import make_signers
from reports.period import assess, measure, publish_pack
from tests.reports.small_home import NOW, PERIOD, fortnight, keep, make_home, take

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.home import Home

pytestmark = pytest.mark.slow

CODE = CodeIdentity("0" * 40, tree_clean=True, lock_sha256="1" * 64)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A fortnight, received, built, and assessed."""
    made = make_home(tmp_path_factory.mktemp("reperformed"))
    make_signers(made.config, now=NOW)
    take(made, fortnight())
    made.custody.publish(made.log, made.custody.receipts())
    assess(made, made.config.period(PERIOD), now=NOW)
    return made


@pytest.fixture(scope="module")
def pack(home: Home) -> Path:
    """Its pack."""
    return publish(home)


def publish(home: Home) -> Path:
    """The pack of what is assessed."""
    period = home.config.period(PERIOD)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # WeasyPrint leaves its colour profile open
        pack = publish_pack(home, period, measure(home, period, now=NOW), code=CODE, now=NOW).path
        gc.collect()
    return pack


def ask(home: Home, pack: Path, captures: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Exit code and answer."""
    trust = home.config.keys_path / "trust.json"
    words = ["verify", str(pack), "--trust", str(trust), "--reperform", "--captures", str(captures), "--json"]
    code = main(words)
    return code, json.loads(capsys.readouterr().out)


def results(said: dict[str, Any]) -> dict[str, str]:
    """Result of each check."""
    return {check["name"]: check["result"] for check in said["checks"]}


def test_the_same_captures_give_the_same_pack(home: Home, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing differs, whatever came to the locker later; and what stays open is said in other words."""
    keep(home, "github.deployments", fortnight()["github.deployments"][:1], now=NOW.replace(day=21))
    code, said = ask(home, pack, home.path / "locker", capsys)

    names = ("captures", "re-performed verdicts", "re-performed metrics")
    assert {name: results(said)[name] for name in names} == dict.fromkeys(names, "ok")
    assert (code, said["differences"]) == (0, [])
    assert any("the same questions of the same bytes" in text for text in said["does_not_prove"])


def test_an_altered_capture_is_not_built_on(
    home: Home, pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A byte of a capture, or a receipt that is gone, fails before anything is asked."""
    locker = tmp_path / "locker"
    shutil.copytree(home.path / "locker", locker)
    receipt = next(iter(home.custody.receipts("company.incidents")))
    capture = next(home.custody.sightings(receipt)).capture
    for key in (capture_key(capture), next(iter(home.custody.receipts("git.commits"))).key):
        (locker / "objects" / key).chmod(0o600)
    body = (locker / "objects" / capture_key(capture)).read_bytes()
    (locker / "objects" / capture_key(capture)).write_bytes(body.replace(b"sev2", b"sev3"))
    (locker / "objects" / next(iter(home.custody.receipts("git.commits"))).key).unlink()

    code, said = ask(home, pack, tmp_path, capsys)
    told = next(check["detail"] for check in said["checks"] if check["name"] == "captures")

    assert (code, results(said)["captures"], results(said)["re-performed verdicts"]) == (1, "failed", "not checked")
    assert "was read back with SHA-256" in told
    assert "is not there" in told


def test_a_verdict_that_does_not_follow_is_named(home: Home, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pack that says PASS where the question says otherwise is consistent in itself, and differs here."""
    period = home.config.period(PERIOD)
    path = home.path / "assessments" / f"{period.file_stem}.json"
    honest = path.read_text()
    held = json.loads(honest)
    result = next(one for one in held if any(v["verdict"] == "INDETERMINATE" for v in one["verdicts"]))
    verdict = next(v for v in result["verdicts"] if v["verdict"] == "INDETERMINATE")
    verdict["verdict"] = "PASS"
    path.write_text(json.dumps(held))
    forged = publish(home)
    path.write_text(honest)

    code, said = ask(home, forged, home.config.root, capsys)

    assert forged != pack
    assert assessment.load(path.parent, period)
    assert code == 1
    assert [name for name, found in results(said).items() if found == "failed"] == ["re-performed verdicts"]
    assert {
        "control": result["id"], "population": verdict["population"], "subject": verdict["subject"],
        "attribute": verdict["attribute"], "what": "verdict", "pack": "PASS", "reperformed": "INDETERMINATE",
    } in said["differences"]  # fmt: skip


def test_what_cannot_be_reperformed_is_said(home: Home, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verifier alone cannot; without a place, or with a wrong one, nothing is asked."""
    assert stand_alone([str(pack), "--reperform", "--captures", str(home.path)]) == 2
    assert "the stand-alone verifier has neither tables nor controls" in capsys.readouterr().err
    assert main(["verify", str(pack), "--reperform"]) == 2
    assert "go together" in capsys.readouterr().err
    assert main(["verify", str(pack), "--reperform", "--captures", str(home.path / "packs")]) == 2
    assert "there are no captures in" in capsys.readouterr().err
