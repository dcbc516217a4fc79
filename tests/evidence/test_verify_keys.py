"""Which key was valid when: rotations that are cross-signed, checkpoints of retired keys, revocations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evidence.ledger import keys
from evidence.ledger.statements import Certificate, CodeIdentity, Key
from evidence.verify.anchors import Anchors
from evidence.verify.formats.errors import FormatError
from evidence.verify.keyring import Signing, check_keys, current, follow, read_key_events
from evidence.verify.report import Result
from evidence.verify.trust import Revoked, Trust, parse_trust
from reports.pack.keys import make_software_key, write_trust

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 7, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
CODE = CodeIdentity("0" * 40, tree_clean=True, lock_sha256="1" * 64)
NAME = "log.example/evidence"
PDF, OTHER = "a" * 64, "b" * 64


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, keys.FileSigner]:
    """Keys of one log's name: the first, its successor, a thief's."""
    folder = tmp_path_factory.mktemp("keys")
    return {name: keys.generate(folder / name, NAME) for name in ("old", "new", "thief")}


def vkey(signer: keys.FileSigner) -> str:
    """A signer's vkey."""
    return keys.log_key(signer).vkey


def rotated(old: keys.FileSigner, new: keys.FileSigner, *, by: keys.FileSigner | None = None) -> Key:
    """`new` follows `old`, cross-signed by `old` or whoever else."""
    return Key("rotated", vkey(new), NOW, vkey(old), keys.rotation(by or old, new))


def logged(*events: Key | Certificate) -> list[bytes]:
    """Statements of a log."""
    return [event.encode(NOW, CODE) for event in events]


def check(statements: list[bytes], signer: keys.FileSigner, **given: Any) -> tuple[Result, str]:
    """What is said of a checkpoint over `statements`, and one receipt more, that `signer` signed."""
    size = given.pop("size", len(statements) + 1)
    note = keys.sign_note(b"text\n", signer)
    events = read_key_events(statements, range(len(statements)))
    signing, trust = given.pop("signing", Signing(PDF)), given.pop("trust", Trust())
    found = check_keys(events, note, size, signing, trust, given.pop("anchors", Anchors()))
    return found.result, found.detail


def test_a_rotation_is_followed(signers: dict[str, keys.FileSigner]) -> None:
    """Who trusts the first key comes to the second; the checkpoint that seals the rotation may be of either."""
    old, new = signers["old"], signers["new"]
    statements = logged(Key("introduced", vkey(old), NOW), Certificate("introduced", PDF, NOW), rotated(old, new))
    events = read_key_events(statements, range(3))

    assert follow(Trust(log_vkeys=(vkey(old),)), events).log_vkeys == (vkey(old), vkey(new))
    assert follow(Trust(log_vkeys=(vkey(signers["thief"]),)), events).log_vkeys == (vkey(signers["thief"]),)
    assert (current(events, of_log=True, size=2), current(events, of_log=True)) == (vkey(old), vkey(new))
    assert check(statements, new)[0] is Result.OK
    assert [check(statements, signer, size=3)[0] for signer in (old, new)] == [Result.OK, Result.OK]


FORGED = {
    "a second log key introduced": "the first did not sign",
    "a rotation that the thief signed himself": "the one in force did not sign",
    "a rotation from a key that never was": "the one in force did not sign",
    "a checkpoint by the retired key": "not signed by the log key in force",
    "a pack by another certificate": "in force was",
}


@pytest.mark.parametrize("attack", FORGED)
def test_forged_keys_are_detected(attack: str, signers: dict[str, keys.FileSigner]) -> None:
    """A key that nobody cross-signed, a retired key and another certificate do not pass."""
    old, new, thief = signers["old"], signers["new"], signers["thief"]
    first = Key("introduced", vkey(old), NOW)
    honest = logged(first, Certificate("introduced", PDF, NOW), rotated(old, new))
    result, told = {
        "a second log key introduced": lambda: check(logged(first, Key("introduced", vkey(thief), NOW)), thief),
        "a rotation that the thief signed himself": lambda: check(logged(first, rotated(old, thief, by=thief)), thief),
        "a rotation from a key that never was": lambda: check(logged(first, rotated(thief, thief)), thief),
        "a checkpoint by the retired key": lambda: check(honest, old),
        "a pack by another certificate": lambda: check(honest, new, signing=Signing(OTHER)),
    }[attack]()

    assert result is Result.FAILED
    assert FORGED[attack] in told


def test_a_revoked_key_counts_for_what_is_proven_older(signers: dict[str, keys.FileSigner]) -> None:
    """By an anchored checkpoint for the log, by a timestamp for the pack; in the log or in the trust file."""
    old = signers["old"]
    statements = logged(Key("introduced", vkey(old), NOW), Certificate("introduced", PDF, NOW))
    by_log = [*statements, *logged(Key("revoked", vkey(old), LATER, reason="stolen"))]
    trust = Trust(revoked=(Revoked(PDF, LATER, "stolen"),))

    assert "was revoked as of 2026-07-31" in check(by_log, old)[1]
    assert check(by_log, old, anchors=Anchors(((9, LATER),)))[0] is Result.FAILED
    assert check(by_log, old, anchors=Anchors(((9, NOW),)))[0] is Result.OK
    assert check(statements, old, trust=trust)[0] is Result.FAILED
    assert check(statements, old, trust=trust, signing=Signing(PDF, LATER))[0] is Result.FAILED
    assert check(statements, old, trust=trust, signing=Signing(PDF, NOW))[0] is Result.OK


def test_nothing_follows_from_a_revoked_key(signers: dict[str, keys.FileSigner]) -> None:
    """A thief with the old key can cross-sign; a trust file that revokes the old key is not led on by it."""
    old, thief = signers["old"], signers["thief"]
    events = read_key_events(logged(rotated(old, thief)), [0])
    trust = Trust(log_vkeys=(vkey(old),), revoked=(Revoked(vkey(old), NOW, "stolen"),))

    assert follow(trust, events).log_vkeys == (vkey(old),)


def test_a_log_without_key_events_is_said(signers: dict[str, keys.FileSigner]) -> None:
    """It is not passed over."""
    assert check([], signers["old"])[0] is Result.NOT_CHECKED
    with pytest.raises(FormatError, match="is no key event"):
        read_key_events([b'{"effective_from":"2026-07-01T00:00:00Z","event":"lent","kind":"key","vkey":"x"}'], [0])


def test_the_trust_file_carries_revocations(tmp_path: Path) -> None:
    """They are read back as they were written; a time without zone is refused."""
    signer = make_software_key(tmp_path, common_name="Acme", now=NOW)
    revoked = Revoked(PDF, LATER, "stolen")
    written = write_trust(tmp_path / "trust.json", signers=[signer.trusted_pem], revoked=[revoked])
    text = (tmp_path / "trust.json").read_text()

    assert parse_trust(text.encode()) == written
    assert written.revoked == (revoked,)
    with pytest.raises(FormatError, match="has no time zone"):
        parse_trust(text.replace("T00:00:00+00:00", "T00:00:00").encode())
