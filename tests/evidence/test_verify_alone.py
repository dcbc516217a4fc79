"""The verifier as a package of its own: built, installed with what it declares and nothing else, asked about a pack."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import venv
from datetime import UTC, datetime, timedelta
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from reports.pack.keys import make_software_key, write_trust
from tests import packs

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "verifier"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PROJECT / "pyproject.toml").is_file(), reason="no source tree to build from"),
]


def closure(names: list[str]) -> set[str]:
    """The distributions that `names` need, by what each declares."""
    found: set[str] = set()
    todo = [Requirement(name).name for name in names]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        needs = map(Requirement, distribution(name).requires or ())
        todo += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in an environment that holds the wheel and the declared packages."""
    folder = tmp_path_factory.mktemp("alone")
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--quiet",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder / "dist",
        PROJECT,
    ]
    subprocess.run(build, check=True, capture_output=True)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    (wheel,) = (folder / "dist").glob("*.whl")
    uv = Path(sys.executable).with_name("uv")
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel]
    subprocess.run(install, check=True, capture_output=True)
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    for name in closure(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]):
        held = distribution(name)
        for top in {file.parts[0] for file in held.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists():
                (site / top).symlink_to(str(held.locate_file(top)))
    return folder / "venv" / "bin" / "evidence-verify"


def run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run a program with nothing of this process's environment."""
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env={})


def test_nothing_else_of_ours_is_there(alone: Path) -> None:
    """Neither the other packages nor the libraries that they need can be imported."""
    names = ("warehouse", "controls", "reports", "cli", "evidence.stores", "evidence.ledger", "duckdb", "boto3")
    script = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    done = run([alone.with_name("python"), "-c", script])

    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_it_verifies_a_pack_alone(alone: Path, tmp_path: Path) -> None:
    """What was checked, with what result, and what that does not prove; a changed byte fails; it cannot re-perform."""
    signer = make_software_key(tmp_path, common_name="Acme", now=datetime.now(UTC) - timedelta(hours=1))
    log = packs.grown_log()
    pack = packs.lay_out(tmp_path, packs.pack_pdf(signer, ledger=log.ledger([0, 1]), statements=log.leaves[:2]))
    trust = tmp_path / "trust.json"
    write_trust(
        trust, signers=[signer.trusted_pem], log_vkeys=[log.vkey], witness_vkeys=log.witness_vkeys, witness_quorum=2
    )
    done = run([alone, pack, "--trust", trust, "--json"])
    said = json.loads(done.stdout)
    results = {check["name"]: check["result"] for check in said["checks"]}

    assert done.returncode == 0, done.stderr
    assert {results[name] for name in ("integrity", "signer", "attachments", "log inclusion", "log witnesses")} == {
        "ok"
    }
    assert said["does_not_prove"]
    assert "This does not prove:" in run([alone, pack, "--trust", trust]).stdout
    assert run([alone, pack, "--reperform", "--captures", tmp_path]).returncode == 2
    pack.write_bytes(pack.read_bytes().replace(b"/Type", b"/typE", 1))
    assert run([alone, pack, "--trust", trust]).returncode == 1
