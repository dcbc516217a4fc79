"""Witnesses: they cosign what extends what they saw, refuse a fork, and forget nothing."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from evidence.canonical import canonical
from evidence.errors import IntegrityError
from evidence.ledger import keys
from evidence.ledger.log import Log
from evidence.ledger.witness import Refusal, Request, Witness, known_logs
from evidence.ledger.witness_http import collect, server, submit
from evidence.verify.formats.policy import parse_policy
from evidence.verify.formats.proof import Proof
from tests.evidence.ledger_stores import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evidence.verify.formats.cosignature import WitnessKey

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
ORIGIN = "log.example/evidence"


class Setting:
    """A log, its key, and two witnesses that know it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signer = keys.generate(folder / "log.key", ORIGIN)
        self.log = self.fresh_log("log")
        self.witness_signers = [
            keys.generate(folder / f"w{n}.key", f"witness.example/w{n}", kind=keys.WITNESS) for n in range(2)
        ]
        self.witnesses = [self.witness(n) for n in range(2)]

    def witness(self, n: int) -> Witness:
        """Witness `n`, opened on its own folder."""
        return Witness(self.folder / f"w{n}", self.witness_signers[n], known_logs([keys.log_key(self.signer).vkey]))

    def fresh_log(self, name: str) -> Log:
        """Another log of the same origin: what a forger would build."""
        return Log.open(MemoryStore(), self.folder / name, ORIGIN)

    def extend(self, start: int, end: int, log: Log | None = None, word: str = "n") -> bytes:
        """Append statements and sign."""
        target = log or self.log
        target.append([canonical({word: n}) for n in range(start, end)])
        return target.checkpoint(self.signer, NOW)

    def ask(self, note: bytes, old: int, size: int, log: Log | None = None) -> str:
        """Ask witness 0 directly."""
        proof = tuple((log or self.log).consistency(old, size))
        return self.witnesses[0].add_checkpoint(Request(old, proof, note).encode(), NOW)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """A log and two witnesses."""
    return Setting(tmp_path)


@contextmanager
def serving(witness: Witness, signer: keys.Signer) -> Iterator[tuple[str, WitnessKey]]:
    """A witness behind HTTP on loopback."""
    with server(witness, "127.0.0.1", 0, lambda: NOW) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}", keys.witness_key(signer)
        finally:
            http.shutdown()
            thread.join()


def refused(setting: Setting, status: int, message: str, body: bytes) -> None:
    """Witness 0 must refuse `body` so."""
    with pytest.raises(Refusal, match=message) as caught:
        setting.witnesses[0].add_checkpoint(body, NOW)

    assert caught.value.status == status


def test_cosigns_what_extends(setting: Setting) -> None:
    """A first checkpoint, a longer one, and the same one again are cosigned."""
    setting.ask(setting.extend(0, 3), 0, 3)
    longer = setting.extend(3, 700)
    line = setting.ask(longer, 3, 700)

    assert line.startswith("— witness.example/w0 ")
    assert setting.ask(longer, 700, 700) == line
    assert setting.witnesses[0].latest(ORIGIN) == longer
    assert setting.witness(0).latest(ORIGIN) == longer


def test_empty_log(setting: Setting) -> None:
    """The empty tree can be cosigned, and extended without a proof."""
    setting.ask(setting.log.checkpoint(setting.signer, NOW), 0, 0)
    setting.ask(setting.extend(0, 3), 0, 3)


def test_answers_of_the_protocol(setting: Setting) -> None:
    """Every refusal has the status that the specification gives it, in its order."""
    note = setting.extend(0, 5)
    other = keys.generate(setting.folder / "other.key", ORIGIN)
    forged = Log.open(MemoryStore(), setting.folder / "forged", ORIGIN).checkpoint(other, NOW)
    unknown = keys.generate(setting.folder / "u.key", "unknown.example")
    strange = Log.open(MemoryStore(), setting.folder / "u", "unknown.example").checkpoint(unknown, NOW)

    refused(setting, 400, "empty line", b"old 0\n")
    refused(setting, 400, "leading zeros", b"old 01\n\n" + note)
    refused(setting, 400, "above the checkpoint's", Request(6, (), note).encode())
    refused(setting, 400, "at most 63", Request(0, (b"\0" * 32,) * 64, note).encode())
    refused(setting, 404, "not known", Request(0, (), strange).encode())
    refused(setting, 403, "no signature by a trusted key", Request(0, (), forged).encode())
    refused(setting, 422, "must be empty", Request(0, (b"\0" * 32,), note).encode())

    setting.ask(note, 0, 5)

    refused(setting, 409, "^5\n$", Request(0, (), note).encode())
    refused(setting, 422, "proof is empty", Request(5, (), setting.extend(5, 9)).encode())


def test_refuses_forks_and_keeps_them(setting: Setting) -> None:
    """Another tree under the log's own key is refused: same size, longer, or shorter; the signed proof is kept."""
    setting.ask(setting.extend(0, 300), 0, 300)
    fork = setting.fresh_log("fork")
    same = setting.extend(0, 300, fork, "forged")

    refused(setting, 409, "^300\n$", Request(300, (), same).encode())

    longer = setting.extend(300, 400, fork, "forged")

    refused(setting, 422, "not consistent", Request(300, tuple(fork.consistency(300)), longer).encode())
    refused(setting, 400, "above", Request(300, (), setting.extend(0, 200, setting.fresh_log("cut"))).encode())
    assert sorted(path.read_bytes() for path in (setting.folder / "w0").glob("refused-*")) == sorted([same, longer])


def test_altered_memory_is_not_believed(setting: Setting) -> None:
    """A witness whose memory was edited stops rather than cosign."""
    note = setting.extend(0, 3)
    setting.ask(note, 0, 3)
    (memory,) = (setting.folder / "w0").glob("log-*")
    memory.write_bytes(memory.read_bytes().replace(b"\n3\n", b"\n2\n"))
    with pytest.raises(IntegrityError, match="does not verify"):
        setting.ask(note, 3, 3)


@pytest.mark.server
def test_quorum_over_http(setting: Setting) -> None:
    """A log collects two cosignatures over HTTP; a proof then meets a quorum of two, also after growing."""
    setting.extend(0, 40)
    first, second = setting.witnesses
    with (
        serving(first, setting.witness_signers[0]) as (url0, key0),
        serving(second, setting.witness_signers[1]) as (url1, key1),
    ):
        assert collect(setting.log, {url0: key0}) == {}

        lines = [f"log {keys.log_key(setting.signer).vkey}", f"witness a {key0.vkey}", f"witness b {key1.vkey}"]
        policy = parse_policy("\n".join([*lines, "group both all a b", "quorum both"]).encode())
        with pytest.raises(ValueError, match="quorum 'both' is not met; valid cosignatures: a"):
            Proof.parse(setting.log.inclusion(7)).verify(canonical({"n": 7}), policy)
        setting.extend(40, 600)

        assert collect(setting.log, {url0: key0, url1: key1}) == {}

        accepted = Proof.parse(setting.log.inclusion(599)).verify(canonical({"n": 599}), policy)

        assert accepted.witnesses == {"a": NOW, "b": NOW}
        assert accepted.checkpoint.size == 600


@pytest.mark.server
def test_client_reports_forks_and_silence(setting: Setting) -> None:
    """A fork or a roll-back is an integrity error; a silent or unknown witness is reported, never passed over."""
    setting.extend(0, 40)
    with serving(setting.witnesses[0], setting.witness_signers[0]) as (url, key):
        wrong = keys.witness_key(setting.witness_signers[1])

        assert "no cosignature by its key" in collect(setting.log, {url: wrong})[url]
        assert collect(setting.log, {url: key}) == {}

        for name, size in (("short", 30), ("same", 40), ("long", 50)):
            fork = setting.fresh_log(name)
            setting.extend(0, size, fork, "forged")
            with pytest.raises(IntegrityError, match=r"witness\.example/w0 refuses"):
                collect(fork, {url: key})
        with pytest.raises(Refusal, match=r"^40\n$") as caught:
            submit(f"{url}/elsewhere/", Request(3, (), setting.log.latest() or b""), key)

        assert caught.value.status == 409

    assert "Connection refused" in collect(setting.log, {url: key})[url]
    assert "not an http" in collect(setting.log, {"file:///x": key})["file:///x"]
    assert collect(setting.fresh_log("new"), {url: key}) == {url: "the log has no checkpoint yet"}
