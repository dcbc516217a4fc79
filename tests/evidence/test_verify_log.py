"""The log in a pack: forks, forged checkpoints, missing statements, and what the auditor holds from elsewhere."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from evidence.verify.manifest import Inclusion, Ledger
from evidence.verify.pack import verify_pack
from evidence.verify.report import Name, Report, Result
from reports.pack.keys import make_software_key, write_trust
from reports.pack.manifest import PackFile, build_statements
from tests import packs
from tests.packs import LogOfTests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from evidence.verify.trust import Trust
    from reports.pack.keys import PackSigner

INDEXES = (0, 3, 7, 11)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> PackSigner:
    """The company's key."""
    return make_software_key(tmp_path_factory.mktemp("keys"), common_name="Acme", now=packs.NOW - timedelta(days=1))


@pytest.fixture
def log() -> LogOfTests:
    """A log of twelve receipts."""
    return packs.grown_log()


def statements(log: LogOfTests) -> list[bytes]:
    """The statements that the pack carries."""
    return [log.leaves[index] for index in INDEXES]


@pytest.fixture
def trust(signer: PackSigner, log: LogOfTests, tmp_path: Path) -> Trust:
    """The company's root, its log's key, and both witnesses."""
    return write_trust(
        tmp_path / "trust.json",
        signers=[signer.trusted_pem],
        log_vkeys=[log.vkey],
        witness_vkeys=log.witness_vkeys,
        witness_quorum=2,
    )


class Auditor:
    """Signs what the company would sign, and verifies it as the auditor does."""

    def __init__(self, folder: Path, signer: PackSigner, trust: Trust) -> None:
        self.folder, self.signer, self.trust = folder, signer, trust

    def pack(self, ledger: Ledger | None, texts: list[bytes], name: str = "now") -> Path:
        """A laid out pack in a folder of its own."""
        folder = self.folder / name
        folder.mkdir()
        return packs.lay_out(folder, packs.pack_pdf(self.signer, packs.FILES, ledger, texts))

    def report(self, pack: Path, *, previous: Path | None = None, held: str | None = None) -> Report:
        """What the verifier says, with what the auditor holds."""
        checkpoint = None
        if held is not None:
            checkpoint = self.folder / "held.txt"
            checkpoint.write_text(held)
        now = packs.NOW + timedelta(days=1)
        return verify_pack(pack, trust=self.trust, previous=previous, checkpoint=checkpoint, now=now)


@pytest.fixture
def auditor(tmp_path: Path, signer: PackSigner, trust: Trust) -> Auditor:
    """The auditor with the trust file."""
    return Auditor(tmp_path, signer, trust)


def result(report: Report, name: Name) -> tuple[Result, str]:
    """How one check ended, and its detail."""
    (check,) = [check for check in report.checks if check.name is name]
    return check.result, check.detail


def test_everything_about_the_log_is_checked(auditor: Auditor, log: LogOfTests) -> None:
    """Statements, checkpoint, witnesses, inclusion, consistency, previous pack and held checkpoint."""
    older = LogOfTests(leaves=log.leaves[:5])
    previous = auditor.pack(older.ledger([3]), [older.leaves[3]], "before")
    pack = auditor.pack(log.ledger(INDEXES, earlier=(5, 8)), statements(log))
    report = auditor.report(pack, previous=previous, held=log.checkpoint(8))

    assert report.named(Result.FAILED) == (), report.to_text()
    assert report.named(Result.NOT_CHECKED) == (Name.TIMESTAMP, Name.KEYS, Name.DEFINITIONS)
    assert {*Name} == {check.name for check in report.checks} | {Name.CAPTURES, Name.VERDICTS, Name.METRICS}


def without_witness(ledger: Ledger, log: LogOfTests) -> Ledger:
    """The checkpoint has one cosignature only."""
    lonely = dataclasses.replace(log, witnesses=log.witnesses[:1])
    return dataclasses.replace(ledger, checkpoint_note=lonely.checkpoint())


def signed_by_another(ledger: Ledger, log: LogOfTests) -> Ledger:
    """The checkpoint bears the log's name and another key's signature; the witnesses' are genuine."""
    return dataclasses.replace(ledger, checkpoint_note=dataclasses.replace(log, seed=9).checkpoint())


def of_another_size(ledger: Ledger, log: LogOfTests) -> Ledger:
    """The checkpoint is genuine, but of an earlier tree than the manifest states."""
    return dataclasses.replace(ledger, checkpoint_note=log.checkpoint(8))


def no_note(ledger: Ledger, log: LogOfTests) -> Ledger:
    """The checkpoint is no signed note."""
    return dataclasses.replace(ledger, checkpoint_note=log.checkpoint().partition("\n\n")[0])


def moved(ledger: Ledger, _: LogOfTests) -> Ledger:
    """A statement claims its neighbour's place."""
    name, place = next(iter(ledger.proofs.items()))
    return dataclasses.replace(ledger, proofs={**ledger.proofs, name: Inclusion(place.index + 1, place.proof)})


def shortened(ledger: Ledger, _: LogOfTests) -> Ledger:
    """A path lacks its last hash."""
    name, place = next(iter(ledger.proofs.items()))
    return dataclasses.replace(ledger, proofs={**ledger.proofs, name: Inclusion(place.index, place.proof[:-1])})


def inconsistent(ledger: Ledger, _: LogOfTests) -> Ledger:
    """An earlier root is not that of the log."""
    first, *others = ledger.consistency
    return dataclasses.replace(ledger, consistency=(dataclasses.replace(first, root=bytes(32)), *others))


FORGERIES: dict[str, tuple[Callable[[Ledger, LogOfTests], Ledger], Name]] = {
    "a witness missing": (without_witness, Name.WITNESSES),
    "another key": (signed_by_another, Name.CHECKPOINT),
    "another size": (of_another_size, Name.CHECKPOINT),
    "no note": (no_note, Name.CHECKPOINT),
    "wrong index": (moved, Name.INCLUSION),
    "short path": (shortened, Name.INCLUSION),
    "wrong earlier root": (inconsistent, Name.CONSISTENCY),
}


@pytest.mark.parametrize("case", FORGERIES)
def test_forged_ledgers_are_detected(case: str, auditor: Auditor, log: LogOfTests) -> None:
    """With the pack's own key stolen, the log's and the witnesses' keys still decide."""
    forge, expected = FORGERIES[case]
    pack = auditor.pack(forge(log.ledger(INDEXES, earlier=(5, 8)), log), statements(log))

    assert auditor.report(pack).named(Result.FAILED) == (expected,)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([packs.PLAN, b'{"receipt":3}', b'{"receipt":7}'], "1 named but absent"),
        (
            [packs.PLAN, b'{"receipt":3}', b'{"receipt":7}', b'{"receipt":99}'],
            "1 named but absent or altered, 1 present",
        ),
        ([packs.PLAN, b'{"receipt":3}', b'{"receipt":7}', b'{"receipt":11}', b'{"receipt":3}'], "1 repeated"),
    ],
)
def test_statements_are_those_of_the_log(texts: list[bytes], message: str, auditor: Auditor, log: LogOfTests) -> None:
    """A receipt left out, altered or doubled is detected."""
    found = result(auditor.report(auditor.pack(log.ledger(INDEXES), texts)), Name.STATEMENTS)

    assert found[0] is Result.FAILED
    assert message in found[1]


def test_statements_not_attached_are_missed(auditor: Auditor, log: LogOfTests, signer: PackSigner) -> None:
    """A manifest with proofs and a pack without the statements proves nothing, and fails."""
    pdf = packs.pack_pdf(signer, packs.FILES, log.ledger(INDEXES), [])

    assert Name.STATEMENTS in auditor.report(packs.lay_out(auditor.folder, pdf)).named(Result.FAILED)


def test_statements_in_another_format_are_refused(auditor: Auditor) -> None:
    """The attachment of statements is read as strictly as the manifest."""
    other = PackFile("ledger.json", build_statements([b"x"]).replace(b"/1", b"/2"), "statements", embedded=True)
    pdf = packs.pack_pdf(auditor.signer, [*packs.FILES, other])
    found = result(auditor.report(packs.lay_out(auditor.folder, pdf)), Name.STATEMENTS)

    assert found[0] is Result.FAILED
    assert "has format" in found[1]


def test_pack_without_log_fails_where_one_is_expected(auditor: Auditor) -> None:
    """Whoever was handed a log key is not content with a pack that carries no log."""
    assert auditor.report(auditor.pack(None, [])).named(Result.FAILED) == (Name.CHECKPOINT,)


def rewritten(log: LogOfTests) -> LogOfTests:
    """The same log with its fourth receipt rewritten, and every key stolen: consistent in itself."""
    return dataclasses.replace(log, leaves=[b"{}" if i == 3 else leaf for i, leaf in enumerate(log.leaves)])


def test_rewritten_log_fails_on_the_previous_pack(auditor: Auditor, log: LogOfTests) -> None:
    """Even with all keys, history that an earlier pack shows cannot be changed."""
    older = LogOfTests(leaves=log.leaves[:5])
    previous = auditor.pack(older.ledger([4]), [older.leaves[4]], "before")
    forged = rewritten(log)
    pack = auditor.pack(forged.ledger(INDEXES, earlier=(5,)), statements(forged))

    assert auditor.report(pack).named(Result.FAILED) == ()
    assert auditor.report(pack, previous=previous).named(Result.FAILED) == (Name.PREVIOUS,)


@pytest.mark.parametrize("size", [8, 12])
def test_rewritten_log_fails_on_a_held_checkpoint(size: int, auditor: Auditor, log: LogOfTests) -> None:
    """A checkpoint in the auditor's hands binds the log, at an earlier size and at the same."""
    forged = rewritten(log)
    pack = auditor.pack(forged.ledger(INDEXES, earlier=(8,)), statements(forged))
    found = result(auditor.report(pack, held=log.checkpoint(size)), Name.HELD)

    assert found[0] is Result.FAILED
    assert "rewritten" in found[1]


HELD: dict[str, tuple[Callable[[LogOfTests], str], Result, str]] = {
    "same size": (lambda log: log.checkpoint(), Result.OK, "only appended to"),
    "no proof from there": (lambda log: log.checkpoint(6), Result.NOT_CHECKED, "carries no proof"),
    "newer": (lambda _: packs.grown_log(20).checkpoint(), Result.NOT_CHECKED, "newer than this pack"),
    "of another key": (lambda log: dataclasses.replace(log, seed=9).checkpoint(), Result.FAILED, "signed by a"),
    "no checkpoint": (lambda _: "hello", Result.FAILED, "the checkpoint file"),
}


@pytest.mark.parametrize("case", HELD)
def test_held_checkpoints_say_how_far_they_reach(case: str, auditor: Auditor, log: LogOfTests) -> None:
    """What could not be compared is not checked, and says what to ask for."""
    note, expected, message = HELD[case]
    pack = auditor.pack(log.ledger(INDEXES, earlier=(5,)), statements(log))
    found = result(auditor.report(pack, held=note(log)), Name.HELD)

    assert found[0] is expected
    assert message in found[1]


def test_previous_pack_must_hold_itself(auditor: Auditor, log: LogOfTests) -> None:
    """A forged previous pack vouches for nothing."""
    previous = auditor.folder / "previous.pdf"
    previous.write_bytes(packs.blank())
    found = result(auditor.report(auditor.pack(log.ledger(INDEXES), statements(log)), previous=previous), Name.PREVIOUS)

    assert found[0] is Result.FAILED
    assert "does not verify itself" in found[1]


def test_log_of_another_origin_continues_nothing(auditor: Auditor, log: LogOfTests) -> None:
    """Two logs are not compared by their numbers."""
    other = dataclasses.replace(log, origin="log.example/other")
    previous = auditor.pack(other.ledger([1]), [other.leaves[1]], "before")
    pack = auditor.pack(log.ledger(INDEXES), statements(log))
    found = result(auditor.report(pack, previous=previous), Name.PREVIOUS)

    assert found[0] is Result.FAILED
    assert "log.example/other" in found[1]


def test_previous_pack_without_log_says_nothing(auditor: Auditor, log: LogOfTests) -> None:
    """A company that began its log later has nothing to compare."""
    previous = auditor.pack(None, [], "before")
    pack = auditor.pack(log.ledger(INDEXES), statements(log))

    assert result(auditor.report(pack, previous=previous), Name.PREVIOUS)[0] is Result.NOT_CHECKED


def test_log_cannot_be_dropped(auditor: Auditor, log: LogOfTests) -> None:
    """A pack without a log after one with a log is a failure, whatever the reason."""
    previous = auditor.pack(log.ledger(INDEXES), statements(log), "before")
    report = auditor.report(auditor.pack(None, []), previous=previous, held=log.checkpoint())

    assert {Name.PREVIOUS, Name.HELD} <= {*report.named(Result.FAILED)}


def test_without_log_keys_the_log_is_only_compared_with_itself(
    auditor: Auditor, log: LogOfTests, signer: PackSigner, tmp_path: Path
) -> None:
    """Keys inside the pack are hints: without the auditor's own, the checkpoint stays unchecked."""
    auditor.trust = write_trust(tmp_path / "small.json", signers=[signer.trusted_pem])
    report = auditor.report(auditor.pack(log.ledger(INDEXES), statements(log)), held=log.checkpoint())

    assert report.ok
    assert Name.CHECKPOINT in report.named(Result.NOT_CHECKED)
    assert result(report, Name.HELD)[0] is Result.OK


def test_without_a_quorum_witnesses_are_told_and_not_checked(
    auditor: Auditor, log: LogOfTests, signer: PackSigner, tmp_path: Path
) -> None:
    """A trust file that asks for no witness cannot exclude a fork by the log itself, and the report says so."""
    auditor.trust = write_trust(tmp_path / "small.json", signers=[signer.trusted_pem], log_vkeys=[log.vkey])
    found = result(auditor.report(auditor.pack(log.ledger(INDEXES), statements(log))), Name.WITNESSES)

    assert found[0] is Result.NOT_CHECKED
    assert "could fork" in found[1]
