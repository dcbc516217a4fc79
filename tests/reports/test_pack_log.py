"""The ledger in a pack: two packs one after the other, what an auditor holds in between, and what the log lacks."""

from __future__ import annotations

import shutil
import subprocess
import threading
import warnings
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml

from controls import scope
from evidence.canonical import canonical
from evidence.errors import IntegrityError
from evidence.ledger import keys
from evidence.ledger.statements import CodeIdentity
from evidence.ledger.witness import Witness, known_logs
from evidence.ledger.witness_http import server
from evidence.verify.pack import verify_pack
from evidence.verify.report import Name, Report, Result
from evidence.verify.trust import parse_trust
from reports.pack.build import Published, publish
from reports.pack.signers import TRUST, make_signers, trust_file
from reports.period import measure
from tests.reports import small_home
from warehouse.checkpoints import checkpoint
from warehouse.keyring import rotate_file
from warehouse.open import open_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from warehouse.home import Home

pytestmark = pytest.mark.slow

CODE = CodeIdentity("1" * 40, tree_clean=True, lock_sha256="ab" * 32)
NOW = small_home.NOW


class Company:
    """A home with a fortnight of records, and packs of its quarter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = small_home.make_home(folder)
        make_signers(self.home.config, now=NOW - timedelta(days=200))
        small_home.take(self.home, small_home.fortnight())
        self.home.custody.publish(self.home.log, self.home.custody.receipts())

    def configure(self, **settings: object) -> None:
        """Change the configuration, and open the home anew."""
        path = self.folder / "evidence.yaml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **settings}))
        self.home = open_home(path, now=NOW)
        trust_file(self.home.config, self.home.config.keys_path / TRUST)

    def publish(self, now: datetime, word: str) -> Published:
        """A pack whose scope, and so content, is told apart by `word`."""
        self.configure(scope={**small_home.SCOPE, "prod_namespaces": [word]})
        period = self.home.config.period(small_home.PERIOD)
        metrics = measure(self.home, period, now=now)
        with self.home.connection() as con, warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # WeasyPrint leaves its colour profile open
            scope.prepare(con, self.home.config.scope, zone=self.home.config.zone)
            signers = make_signers(self.home.config, now=now)
            return publish(self.home, con, period, [], metrics.metric_value, signers=signers, code=CODE, now=now)

    def day(self, now: datetime) -> bytes:
        """A day's checkpoint over one more statement; the note, as it is mailed to the auditor."""
        self.home.log.append([canonical({"day": now.isoformat()})])
        checkpoint(self.home, now=now)
        note = self.home.log.latest()
        assert note is not None
        return note

    def verify(self, pack: Path, *, previous: Path | None = None, held: bytes | None = None) -> Report:
        """What the auditor's verifier says."""
        trust = parse_trust((self.home.config.keys_path / TRUST).read_bytes())
        file = self.folder / "held.txt"
        if held is not None:
            file.write_bytes(held)
        return verify_pack(
            pack, trust=trust, previous=previous, checkpoint=file if held else None, now=NOW + timedelta(days=9)
        )


@contextmanager
def witnesses(home: Home, folder: Path) -> Iterator[list[dict[str, str]]]:
    """Two witnesses on loopback, as the configuration names them."""
    signer = keys.load(home.config.keys_path / "log.key")
    running, listed = [], []
    for n in range(2):
        own = keys.generate(folder / f"w{n}.key", f"witness.example/w{n}", kind=keys.WITNESS)
        memory = Witness(folder / f"w{n}", own, known_logs([keys.log_key(signer).vkey]))
        http = server(memory, "127.0.0.1", 0, lambda: NOW)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((http, thread))
        listed.append({"url": f"http://127.0.0.1:{http.server_address[1]}", "vkey": keys.witness_key(own).vkey})
    try:
        yield listed
    finally:
        for http, thread in running:
            http.shutdown()
            thread.join()
            http.server_close()


def result(report: Report, name: Name) -> tuple[Result, str]:
    """How one check ended, and its detail."""
    (check,) = [check for check in report.checks if check.name is name]
    return check.result, check.detail


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Company, list[Path], list[bytes]]]:
    """Two packs of one quarter with two days in between, under two witnesses; and the notes of those days."""
    made = Company(tmp_path_factory.mktemp("acme"))
    with witnesses(made.home, tmp_path_factory.mktemp("witnesses")) as listed:
        made.configure(witnesses=listed, witness_quorum=2)
        first = made.publish(NOW, "one")
        days = [made.day(NOW + timedelta(days=n)) for n in (1, 2)]
        second = made.publish(NOW + timedelta(days=3), "two")
        assert (first.new, second.new, first.problems, second.problems) == (True, True, (), ())
        yield made, [first.path, second.path], days


def test_a_pack_continues_the_one_before(company: tuple[Company, list[Path], list[bytes]]) -> None:
    """`--previous` succeeds, and every day's checkpoint that the auditor was mailed is a beginning of the log."""
    made, (first, second), days = company
    for held in days:
        report = made.verify(second, previous=first, held=held)
        assert report.named(Result.FAILED) == (), report.to_text()
        for name in (Name.PREVIOUS, Name.HELD, Name.CONSISTENCY, Name.WITNESSES, Name.ANCHORS, Name.INCLUSION):
            assert result(report, name)[0] is Result.OK, name
    assert made.verify(first, held=days[0]).named(Result.FAILED) == ()
    assert "newer than this pack" in result(made.verify(first, held=days[0]), Name.HELD)[1]


def test_the_pack_prints_who_holds_the_log(company: tuple[Company, list[Path], list[bytes]]) -> None:
    """Each witness with its time, and the checkpoints that it proves to extend."""
    _, (_, second), _ = company
    text = words(second)
    assert "witness.example/w0 (2026-10-20 00:00Z), witness.example/w1" in text
    assert "Continues 4 earlier checkpoints, of" in text
    assert "no timestamp authority is configured" in text


def words(pack: Path) -> str:
    """The text of the pack's pages, in one line."""
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("no pdftotext")
    done = subprocess.run([program, "-layout", str(pack), "-"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split())


def test_a_rewritten_log_makes_no_pack(company: tuple[Company, list[Path], list[bytes]], tmp_path: Path) -> None:
    """With every key and the whole store in hand, a witness that remembers still stops the pack."""
    made, _, _ = company
    before = set((made.home.path / "packs").iterdir())
    shutil.copytree(made.folder, tmp_path / "stolen")
    thief = Company.__new__(Company)
    thief.folder = tmp_path / "stolen"
    for path in (thief.folder / "home").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    for name in ("batch", "tile", "checkpoint"):
        shutil.rmtree(thief.folder / "home" / "locker" / "objects" / "ledger" / name)
    shutil.rmtree(thief.folder / "home" / "log")
    with pytest.raises(IntegrityError, match=r"witness\.example/w0 refuses"):
        thief.publish(NOW + timedelta(days=4), "three")
    assert {path.name for path in before} == {path.name for path in (thief.folder / "home" / "packs").iterdir()}


def test_a_pack_without_witnesses_says_what_its_log_lacks(tmp_path: Path) -> None:
    """A witness that does not answer and a log that nobody cosigned are printed, and the pack is made."""
    made = Company(tmp_path)
    signer = keys.generate(tmp_path / "w.key", "witness.example/w", kind=keys.WITNESS)
    nobody = {"url": "http://127.0.0.1:9", "vkey": keys.witness_key(signer).vkey}
    made.configure(witnesses=[nobody], witness_quorum=1)
    found = made.publish(NOW, "one")
    assert any("0 witnesses cosigned, 1 are asked for" in text for text in found.problems)
    assert "What the log lacks • 0 witnesses cosigned, 1 are asked for" in words(found.path)
    assert Name.WITNESSES in made.verify(found.path).named(Result.FAILED)


def test_a_pack_after_a_rotation_is_followed_from_the_old_key(tmp_path: Path) -> None:
    """An auditor with the trust file of before reads the new key from the log, and believes it as the old one says."""
    made = Company(tmp_path)
    first = made.publish(NOW, "one")
    trust = parse_trust((made.home.config.keys_path / TRUST).read_bytes())
    rotate_file(made.home, code=CODE, now=NOW + timedelta(days=1))
    second = made.publish(NOW + timedelta(days=2), "two")
    report = verify_pack(second.path, trust=trust, previous=first.path, now=NOW + timedelta(days=9))

    assert (first.problems, second.problems, report.named(Result.FAILED)) == ((), (), ()), report.to_text()
    assert result(report, Name.KEYS) == (
        Result.OK, "checkpoint and pack by keys in force; 1 rotations, 0 revocations",
    )  # fmt: skip
    assert result(report, Name.PREVIOUS)[0] is Result.OK
