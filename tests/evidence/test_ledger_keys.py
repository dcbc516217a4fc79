"""Keys of the ledger: files for their owner alone, and a key that never leaves OpenBao."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from evidence.errors import ConfigError, SourceRejected, SourceUnavailable
from evidence.ledger import keys
from evidence.ledger.log import Log
from evidence.ledger.openbao import TransitSigner
from evidence.verify.formats import notes
from evidence.verify.formats.checkpoint import open_checkpoint
from tests import openbao
from tests.evidence.ledger_stores import MemoryStore
from tests.openbao import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
NAME = "log.example/evidence"


def test_generate_and_load(tmp_path: Path) -> None:
    """A new key file is readable by its owner alone and gives the same key again."""
    path = tmp_path / "log.key"
    made = keys.generate(path, NAME)
    loaded = keys.load(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert (made.name, made.public_key) == (loaded.name, loaded.public_key)
    notes.open_note(keys.sign_note(b"text\n", loaded), [keys.log_key(made)])
    with pytest.raises(ConfigError, match="cannot create the key file"):
        keys.generate(path, NAME)


def test_refuses_unsafe_and_altered_files(tmp_path: Path) -> None:
    """A file that others can read, of another kind, altered or absent gives no key."""
    path = tmp_path / "log.key"
    keys.generate(path, NAME)
    with pytest.raises(ConfigError, match="type 0x01, expected 0x04"):
        keys.load(path, kind=keys.WITNESS)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="mode 0640"):
        keys.load(path)
    path.chmod(0o600)
    path.write_text(path.read_text().replace(NAME, "other.example"))
    with pytest.raises(ConfigError, match="states another key's ID"):
        keys.load(path)
    with pytest.raises(ConfigError, match="cannot read the key file"):
        keys.load(tmp_path / "absent")


def test_rotation_is_signed_by_the_old_key(tmp_path: Path) -> None:
    """The cross-signature names the new key and opens under the old one alone."""
    old, new = (keys.generate(tmp_path / name, NAME) for name in ("old", "new"))
    note = keys.rotation(old, new).encode()
    opened, _ = notes.open_note(note, [keys.log_key(old)])

    assert opened.text.decode().split("\n")[1] == keys.log_key(new).vkey
    with pytest.raises(ValueError, match="no signature by a trusted key"):
        notes.open_note(note, [keys.log_key(new)])


@pytest.fixture(scope="module")
def transit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The transit mount of a real OpenBao on loopback."""
    with openbao.transit(tmp_path_factory.mktemp("bao")) as url:
        yield url


@pytest.mark.server
def test_openbao_signs_checkpoints(transit: str, tmp_path: Path) -> None:
    """A log signed inside OpenBao opens under its public key, and keeps its key when the vault's rotates."""
    call(f"{transit}/keys/log", {"type": "ed25519"})
    signer = TransitSigner.open(NAME, transit, "log", "root")
    log = Log.open(MemoryStore(), tmp_path, NAME)
    log.append([b'{"n":1}'])
    call(f"{transit}/keys/log/rotate", {})
    note = log.checkpoint(signer, NOW)

    assert open_checkpoint(note, keys.log_key(signer)).size == 1
    assert "root" not in repr(signer)

    rotated = TransitSigner.open(NAME, transit, "log", "root")

    assert (signer.version, rotated.version) == (1, 2)
    notes.open_note(keys.rotation(signer, rotated).encode(), [keys.log_key(signer)])


@pytest.mark.server
def test_openbao_refusals(transit: str) -> None:
    """Another type of key, an absent version or key, a bad token and silence are told apart."""
    call(f"{transit}/keys/rsa", {"type": "rsa-3072"})
    call(f"{transit}/keys/ed", {"type": "ed25519"})
    with pytest.raises(ConfigError, match="of type 'rsa-3072'"):
        TransitSigner.open(NAME, transit, "rsa", "root")
    with pytest.raises(ConfigError, match="has versions 1; asked for 7"):
        TransitSigner.open(NAME, transit, "ed", "root", version=7)
    with pytest.raises(ConfigError, match="not an http"):
        TransitSigner.open(NAME, "file:///etc", "ed", "root")
    with pytest.raises(SourceRejected, match="404"):
        TransitSigner.open(NAME, transit, "absent", "root")
    with pytest.raises(SourceRejected, match="403"):
        TransitSigner.open(NAME, transit, "ed", "wrong")
    with pytest.raises(SourceUnavailable, match="refused"):
        TransitSigner.open(NAME, "http://127.0.0.1:9/v1/transit", "ed", "root")
