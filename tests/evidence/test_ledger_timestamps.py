"""Timestamps of checkpoints by a real authority: kept beside them, carried in a pack, verified after it is gone."""

from __future__ import annotations

import base64
import dataclasses
import shutil
import subprocess
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from evidence.canonical import canonical
from evidence.errors import SourceRejected
from evidence.ledger import keys
from evidence.ledger.anchoring import Anchors, anchor, standing
from evidence.ledger.copies import Copies
from evidence.ledger.heads import read
from evidence.ledger.log import Log
from evidence.ledger.timestamps import request_timestamp, timestamp_of
from evidence.verify.formats.errors import ProofError
from evidence.verify.pack import verify_pack
from evidence.verify.report import Name, Result
from evidence.verify.timestamps import stamped_at
from evidence.verify.trust import TrustedCertificate
from reports.pack.keys import make_software_key, write_trust
from reports.pack.manifest import PackFile
from tests import certomancer, packs
from tests.evidence.ledger_stores import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.packs import LogOfTests

pytestmark = [pytest.mark.server, pytest.mark.slow]

ORIGIN = "acme/delivery-evidence"


@dataclasses.dataclass(frozen=True, slots=True)
class Stamped:
    """A log's checkpoint with its timestamp, made while the authority ran, and a token over a pack's log."""

    log: Log
    store: MemoryStore
    note: bytes
    token: bytes
    root: TrustedCertificate
    stranger: TrustedCertificate
    copies: Path
    pack_log: LogOfTests
    pack_token: bytes
    began: datetime


@pytest.fixture(scope="module")
def stamped(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Stamped:
    """The authority is stopped afterwards."""
    folder, began = tmp_path_factory.mktemp("log"), datetime.now(UTC)
    signer, store = keys.generate(folder / "key", ORIGIN), MemoryStore()
    log = Log.open(store, folder / "state", ORIGIN)
    log.append([canonical({"n": n}) for n in range(3)])
    other = packs.grown_log()
    with certomancer.running(shared / "tools" / "certomancer.yml") as authority:
        copies = Copies(["copies"], root=folder, work=folder / "work", environ={})
        anchors = Anchors(authority=authority.tsa, copies=copies)
        assert anchor(log, store, signer, anchors, now=began) == {}
        puts = dict(store.objects)
        assert anchor(log, store, signer, anchors, now=began) == {}
        assert store.objects == puts  # stamped once
        found = standing(log, store, signer, anchors, now=began)
        assert found.problems == ()
        assert found.timestamp is not None
        pack_token = request_timestamp(read(other.checkpoint(8).encode())[0].text, authority.tsa)
        root, stranger = (TrustedCertificate.from_pem(authority.certificate(name)) for name in ("root", "ica"))
    note = log.latest()
    assert note is not None
    token = timestamp_of(store, note)
    assert token is not None
    return Stamped(log, store, note, token, root, stranger, folder / "copies", other, pack_token, began)


def test_a_token_says_when_offline(stamped: Stamped) -> None:
    """With the authority gone, its root vouches for the time; the copy lies beside the checkpoint's."""
    at = stamped_at(stamped.token, read(stamped.note)[0].text, [stamped.root])
    assert stamped.began - timedelta(seconds=5) <= at <= datetime.now(UTC) + timedelta(seconds=5)
    (token,) = stamped.copies.glob("*.tsr")
    assert token.read_bytes() == stamped.token


def test_a_token_of_another_text_or_authority_says_nothing(stamped: Stamped) -> None:
    """Neither another checkpoint nor an authority that the auditor does not know, nor altered bytes."""
    text = read(stamped.note)[0].text
    with pytest.raises(ProofError, match="is not of this checkpoint"):
        stamped_at(stamped.token, text + b"x", [stamped.root])
    for roots in ([stamped.stranger], []):
        with pytest.raises(ProofError, match="does not vouch for"):
            stamped_at(stamped.token, text, roots)
    for place in (len(stamped.token) // 2, len(stamped.token) - 1):
        altered = bytearray(stamped.token)
        altered[place] ^= 1
        with pytest.raises(ProofError, match=r"."):
            stamped_at(bytes(altered), text, [stamped.root])


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize("more", [b"", b"x"])
def test_openssl_agrees_on_the_token(more: bytes, stamped: Stamped, tmp_path: Path) -> None:
    """`openssl ts -verify` accepts the token over the checkpoint's text, and over nothing else."""
    files = {"token": stamped.token, "text": read(stamped.note)[0].text + more, "root": stamped.root.pem.encode()}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    command = ["openssl", "ts", "-verify", "-token_in", "-in", "token", "-data", "text", "-CAfile", "root"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode == 0) is not bool(more), done.stderr


def test_a_timestamp_anchors_a_pack(stamped: Stamped, tmp_path: Path) -> None:
    """Without any witness the authority's time bounds the log's; forged, it fails the pack."""
    signer = make_software_key(tmp_path / "keys", common_name="Acme", now=packs.NOW - timedelta(days=1))
    trust = write_trust(
        tmp_path / "trust.json", signers=[signer.trusted_pem], log_vkeys=[stamped.pack_log.vkey],
        timestamp_roots=[stamped.root.pem],
    )  # fmt: skip
    log = stamped.pack_log
    for token, size, expected in ((stamped.pack_token, 8, Result.OK), (stamped.pack_token, 7, Result.FAILED)):
        listed = [{"note": log.checkpoint(size), "timestamp": base64.b64encode(token).decode()}]
        data = canonical({"format": "evidence-pack-anchors/1", "checkpoints": listed})
        file = PackFile("anchors.json", data, "anchors", embedded=True)
        pdf = packs.pack_pdf(signer, [packs.RISKS, file], log.ledger(range(12), earlier=(7, 8)), log.leaves)
        report = verify_pack(packs.lay_out(tmp_path, pdf, ()), trust=trust, now=packs.NOW + timedelta(days=1))
        (check,) = [check for check in report.checks if check.name is Name.ANCHORS]
        assert check.result is expected, check.detail


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """An authority that answers whatever it is told to."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}"
        finally:
            http.shutdown()
            thread.join()


def response(token: bytes | None, status: int) -> bytes:
    """A timestamp response in DER."""
    inner = b"\x30\x03\x02\x01" + bytes([status]) + (token or b"")
    length = len(inner)
    head = bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")
    return b"\x30" + head + inner


@pytest.mark.parametrize("case", ["no DER", "refused", "replayed", "granted without a token"])
def test_wrong_answers_are_refused(case: str, stamped: Stamped) -> None:
    """Only a granted token over our digest, with our nonce, is kept."""
    body = {
        "no DER": b"hello",
        "refused": response(None, 2),
        "replayed": response(stamped.token, 0),
        "granted without a token": response(None, 0),
    }[case]
    with answering(body) as url, pytest.raises(SourceRejected, match="the timestamp authority"):
        request_timestamp(read(stamped.note)[0].text, url)
