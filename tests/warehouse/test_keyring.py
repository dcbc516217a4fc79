"""The keys of a home: named by its ledger, rotated under the old key's signature, revoked with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from cli.main import main
from evidence.errors import ConfigError
from evidence.ledger import keys
from evidence.ledger.statements import CodeIdentity
from evidence.verify.anchors import Anchors
from evidence.verify.formats import notes
from evidence.verify.keyring import NOBODY, check_keys, current, follow
from evidence.verify.report import Result
from evidence.verify.trust import Trust, parse_trust
from reports.pack.keys import make_software_key
from reports.pack.signers import TRUST, make_signers
from tests import openbao
from tests.reports.small_home import NOW, make_home
from warehouse.checkpoints import LOG_KEY, checkpoint, log_signer
from warehouse.keyring import NEXT, introduce, key_events, revoke, rotate, rotate_file
from warehouse.open import open_home

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.home import Home

CODE = CodeIdentity("0" * 40, tree_clean=True, lock_sha256="1" * 64)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose ledger names its key."""
    made = make_home(tmp_path)
    make_signers(made.config, now=NOW)
    introduce(made, certificate=None, code=CODE, now=NOW)
    checkpoint(made, now=NOW)
    return made


def vkey(home: Home) -> str:
    """The configured log key."""
    return keys.log_key(log_signer(home.config)).vkey


def test_a_rotation_is_sealed_by_the_old_key(home: Home) -> None:
    """Both keys' checkpoints are there, the new key is in force, the old one lies aside."""
    old = vkey(home)
    rotate_file(home, code=CODE, now=NOW)
    new, folder = vkey(home), home.config.keys_path
    sealed = [note for note in home.log.checkpoints() if b"\n2\n" in note]
    events = key_events(home)

    assert current(events, of_log=True) == new != old
    for key in (old, new):
        assert any(_opens(note, key) for note in sealed)
    assert follow(Trust(log_vkeys=(old,)), events).log_vkeys == (old, new)
    assert sorted(path.name for path in folder.glob(f"{LOG_KEY}*")) == [
        LOG_KEY, f"{LOG_KEY}.retired-{notes.Ed25519Key.parse(old).key_id:08x}",
    ]  # fmt: skip


def _opens(note: bytes, key: str) -> bool:
    return notes.Ed25519Key.parse(key).key_id in {one.key_id for one in notes.parse(note).signatures}


def test_a_rotation_that_did_not_finish_is_repeated(home: Home) -> None:
    """Stated and not swapped: nothing is stated twice, and the key that was named takes over."""
    new = keys.generate(home.config.keys_path / NEXT, home.config.log_origin)
    rotate(home, new, code=CODE, now=NOW)
    stated = len(key_events(home))
    with pytest.raises(ConfigError, match="nothing follows from the one to the other"):
        introduce(home, certificate=None, code=CODE, now=NOW)
    rotate_file(home, code=CODE, now=NOW)

    assert len(key_events(home)) == stated
    assert vkey(home) == keys.log_key(new).vkey
    introduce(home, certificate=None, code=CODE, now=NOW)


def test_a_replaced_key_is_refused(home: Home) -> None:
    """A key file that somebody exchanged signs nothing in the ledger's name."""
    (home.config.keys_path / LOG_KEY).unlink()
    keys.generate(home.config.keys_path / LOG_KEY, home.config.log_origin)

    with pytest.raises(ConfigError, match="nothing follows from the one to the other"):
        introduce(home, certificate=None, code=CODE, now=NOW)


def test_a_revocation_is_stated(home: Home) -> None:
    """Of a key that the ledger names, with a reason; a checkpoint of it then proves nothing."""
    with pytest.raises(ConfigError, match="names no key 'x'"):
        revoke(home, "x", since=NOW, reason="stolen", code=CODE, now=NOW)
    with pytest.raises(ConfigError, match="needs a reason"):
        revoke(home, vkey(home), since=NOW, reason=" ", code=CODE, now=NOW)
    revoke(home, vkey(home), since=NOW, reason="stolen", code=CODE, now=NOW)
    checkpoint(home, now=NOW)
    note = home.log.latest() or b""
    events = key_events(home)
    found = check_keys(events, note, home.log.size, NOBODY, None, Anchors())

    assert (found.result, events[-1].reason) == (Result.FAILED, "stolen")


def test_the_verb_rotates_lists_and_revokes(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """`evidence keys`, and the trust file that comes of it: both keys, and what is revoked."""
    config, old = str(home.config.root / "evidence.yaml"), vkey(home)
    assert main(["keys", "rotate", "--config", config]) == 0
    assert main(["keys", "revoke", old, "--since", "2026-10-01", "--reason", "lost", "--config", config]) == 2
    assert main(["keys", "revoke", old, "--since", "2026-10-01T00:00Z", "--reason", "lost", "--config", config]) == 0
    assert main(["keys", "list", "--config", config]) == 0
    assert main(["trust", "--config", config]) == 0
    trust = parse_trust((home.config.keys_path / TRUST).read_bytes())

    assert trust.log_vkeys == (old, vkey(home))
    assert [(one.key, one.reason) for one in trust.revoked] == [(old, "lost")]
    assert "has no time zone" in capsys.readouterr().err


@pytest.mark.server
def test_a_key_in_transit_is_rotated(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vault makes the next version, the ledger states it by the old one's signature, the configuration follows."""
    monkeypatch.setenv("VAULT_TOKEN", openbao.TOKEN)
    with openbao.transit(tmp_path_factory.mktemp("bao")) as url:
        openbao.call(f"{url}/keys/log", {"type": "ed25519"})
        config = tmp_path / "evidence.yaml"
        made = make_home(tmp_path)
        settings = yaml.safe_load(config.read_text())
        settings["keys"] = {"log": {"driver": "transit", "url": url, "key": "log", "version": 1}}
        config.write_text(yaml.safe_dump(settings))
        make_software_key(made.config.keys_path, common_name="Acme", now=NOW)
        assert main(["checkpoint", "--config", str(config)]) == 0
        openbao.call(f"{url}/keys/log/rotate", {})
        assert main(["keys", "rotate", "--config", str(config)]) == 2
        assert main(["keys", "rotate", "--to-version", "2", "--config", str(config)]) == 0
        assert main(["checkpoint", "--config", str(config)]) == 2
        settings["keys"]["log"]["version"] = 2
        config.write_text(yaml.safe_dump(settings))
        assert main(["checkpoint", "--config", str(config)]) == 0
        home = open_home(config, now=NOW)
        events = key_events(home)

    assert [event.event for event in events] == ["introduced", "rotated"]
    assert current(events, of_log=True) == events[1].key != events[0].key
