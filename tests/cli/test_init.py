"""`evidence init`: a configuration that loads, keys that sign, and nothing overwritten."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from cli.main import main
from evidence.config import load_config
from evidence.verify.trust import parse_trust
from reports.pack import signers
from reports.pack.signers import load_signers

if TYPE_CHECKING:
    from pathlib import Path


def test_what_init_makes_is_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The configuration loads without a finding, the keys sign, the trust file names them."""
    folder = tmp_path / "a" / "b"
    assert main(["init", str(folder), "--company", "Acme Corporation"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"Wrote {folder / 'evidence.yaml'}")
    assert "Next: " in told.out
    assert told.err == ""
    config = load_config(folder / "evidence.yaml")
    assert config.company == "Acme Corporation"
    found = load_signers(config)
    assert found.log.name == config.log_origin
    trust = parse_trust((config.keys_path / "trust.json").read_bytes())
    assert trust.log_vkeys == (found.log_vkey,)
    assert trust.signers[0].sha256 == found.pdf.fingerprint
    assert sorted(path.name for path in folder.iterdir()) == ["evidence.yaml", "var"]


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    """No private file and no key folder can be read by others."""
    assert main(["init", str(tmp_path)]) == 0
    keys = tmp_path / "var" / "keys"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (keys, *keys.iterdir())}
    public = {"trust.json", "pack-signing-root.pem"}
    assert {name for name, mode in modes.items() if mode & 0o077} <= public
    assert modes["keys"] == 0o700


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second time is an error with what to do, and changes no file."""
    assert main(["init", str(tmp_path)]) == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main(["init", str(tmp_path), "--company", "Other"]) == 2
    assert f"{tmp_path / 'evidence.yaml'} exists\nNext: Edit it" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "company",
    [
        "Acme: Inc. # one", "- x", "'Söhne' & \"Co\"", "null", "1234", "株式会社", "A\nzone: UTC", "{a}", "*x", "yes",
        "😀",        "\\1 \\g<0>",
    ],
)  # fmt: skip
def test_any_company_name_arrives_as_it_was_given(tmp_path: Path, company: str) -> None:
    """Whatever YAML would make of it: the name is text, and changes no other setting."""
    assert main(["init", str(tmp_path), "--company", company]) == 0
    config = load_config(tmp_path / "evidence.yaml")
    assert config.company == company
    assert load_signers(config).log.name == config.log_origin


def test_a_company_without_a_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is left behind that a later `init` would trip over."""
    assert main(["init", str(tmp_path), "--company", ""]) == 2
    assert "company: String should have at least 1 character" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file where the folder should be, or a folder below a file: one screen, exit 2."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main(["init", str(folder)]) == 2
        assert f"evidence init: cannot write {folder / 'evidence.yaml'}: " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_init_that_did_not_finish_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration comes last: without it the folder is not in use, and the keys made so far are kept."""
    with monkeypatch.context() as patched:
        patched.setattr(signers, "load_signers", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(["init", str(tmp_path)]) == 130
    assert not (tmp_path / "evidence.yaml").exists()
    key = (tmp_path / "var" / "keys" / "log.key").read_bytes()
    assert main(["init", str(tmp_path)]) == 0
    assert (tmp_path / "var" / "keys" / "log.key").read_bytes() == key
    load_signers(load_config(tmp_path / "evidence.yaml"))
