"""`evidence witness`, `checkpoint` and `trust`: from two commands to a cosigned ledger that an auditor can judge."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.main import main
from evidence.canonical import canonical
from evidence.verify.trust import parse_trust
from warehouse.open import open_home

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A fresh home's configuration."""
    assert main(["init", str(tmp_path / "acme"), "--company", "Acme"]) == 0
    return tmp_path / "acme" / "evidence.yaml"


def vkey_of_log(home: Path) -> str:
    """The log's key, as the trust file has it."""
    return parse_trust((home.parent / "var" / "keys" / "trust.json").read_bytes()).log_vkeys[0]


@contextmanager
def running(folder: Path, *words: str) -> Iterator[tuple[str, str]]:
    """A witness in a process of its own: its URL and its vkey."""
    command = [sys.executable, "-m", "cli.main", "witness", str(folder), "--listen", "127.0.0.1:0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            vkey = process.stdout.readline().removeprefix("witness vkey: ").strip()
            found = re.search(r"http://127.0.0.1:\d+", process.stdout.readline())
            assert found
            yield found[0], vkey
        finally:
            process.terminate()
            process.wait(20)


def configure(home: Path, settings: str) -> None:
    """Add settings to the configuration."""
    home.write_text(home.read_text() + "\n" + settings)


@pytest.mark.server
def test_a_cosigned_ledger(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two witnesses in processes of their own cosign; the trust file names them; a restart forgets nothing."""
    log = ("--log", vkey_of_log(home), "--name")
    with running(tmp_path / "w0", *log, "w0") as (url0, vkey0), running(tmp_path / "w1", *log, "w1") as (url1, vkey1):
        listed = f"[{{url: '{url0}', vkey: {vkey0}}}, {{url: '{url1}', vkey: {vkey1}}}]"
        configure(home, f"witnesses: {listed}\nwitness_quorum: 2\ncheckpoint_copies: [copies]\n")
        assert main(["trust", "--config", str(home)]) == 0
        trust = parse_trust((home.parent / "var" / "keys" / "trust.json").read_bytes())
        assert (trust.witness_vkeys, trust.witness_quorum) == ((vkey0, vkey1), 2)
        opened = open_home(home, now=datetime.now(UTC))
        opened.log.append([canonical({"n": 1})])
        assert main(["checkpoint", "--config", str(home)]) == 0
        told = capsys.readouterr().out
        assert re.search(r"cosigned    w0 at 20.*, w1 at 20", told)
        assert main(["checkpoint", "--config", str(home), "--check", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["witnesses"].keys() == {"w0", "w1"}
        policy = trust.policy(with_witnesses=True)
        (copy,) = (home.parent / "copies").iterdir()
        assert set(policy.accept(copy.read_bytes()).witnesses) == {"w0", "w1"}
    opened.log.append([canonical({"n": 2})])
    with running(tmp_path / "w0", *log, "w0") as (url, vkey):
        assert vkey == vkey0
        home.write_text(home.read_text().replace(url0, url))
        assert main(["checkpoint", "--config", str(home)]) == 1
    told = capsys.readouterr().out
    assert "1 witnesses cosigned, 2 are asked for; missing: w1" in told
    assert "PROBLEM     http://127.0.0.1" in told


def test_a_ledger_that_nobody_holds_says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without witnesses, authority and copies the ledger is signed, and what that leaves open is told."""
    assert main(["checkpoint", "--config", str(home), "--check"]) == 1
    assert "has no checkpoint" in capsys.readouterr().out
    assert main(["checkpoint", "--config", str(home)]) == 0
    told = capsys.readouterr().out
    assert "cosigned    by nobody" in told
    assert told.count("note        no ") == 3


def test_a_witness_makes_its_key_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a log it makes the key, prints it and says what to do; again it prints the same."""
    assert main(["witness", str(tmp_path / "w"), "--name", "audit.example/w"]) == 0
    first = capsys.readouterr().out
    assert first.startswith("witness vkey: audit.example/w+")
    assert "Next: " in first
    assert main(["witness", str(tmp_path / "w"), "--name", "other"]) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--log", "nonsense"), "log key 'nonsense'"),
        (("--listen", "7550"), "--listen '7550' is no HOST:PORT"),
        (("--listen", "127.0.0.1:99999"), "is no HOST:PORT"),
    ],
)
def test_wrong_usage_is_told(
    words: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong key or address ends with 2 before any key is made."""
    assert main(["witness", str(tmp_path / "w"), *words]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_a_root_that_cannot_be_read_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The trust file is not written without a root that the configuration names."""
    configure(home, "timestamping: {roots: [absent.pem]}\n")
    assert main(["trust", "--config", str(home), "--out", str(home.parent / "t.json")]) == 2
    assert "timestamping.roots: cannot read" in capsys.readouterr().err
    assert not (home.parent / "t.json").exists()
