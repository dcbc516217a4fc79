"""A real timestamp authority with CA, CRL and OCSP on loopback: certomancer.

`with running(config) as authority:` makes fresh keys, starts the server on a free port, and ends it by its id.
"""

from __future__ import annotations

import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 20  # seconds
_KEYS = ("root", "ica", "signer", "tsa", "ocsp")


@dataclass(frozen=True, slots=True)
class Authority:
    """A running server: its address, and the folder with its keys (`signer.key.pem`, …) and certificates."""

    url: str
    folder: Path

    @property
    def tsa(self) -> str:
        """Where the timestamp authority answers."""
        return f"{self.url}/sox/tsa/tsa"

    def certificate(self, name: str) -> str:
        """One of its certificates (`root`, `ica`, `signer`, `tsa`) as PEM."""
        return (self.folder / f"{name}.cert.pem").read_text()


@contextmanager
def running(config: Path) -> Iterator[Authority]:
    """The server of `config` with new keys, for the length of the block."""
    program = Path(sysconfig.get_path("scripts")) / "certomancer"
    with tempfile.TemporaryDirectory() as name, socket.socket() as probe:
        folder = Path(name)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        _make_keys(folder)
        url = f"http://127.0.0.1:{port}"
        common = [str(program), "--config", str(config), "--key-root", str(folder), "--service-url-prefix", url]
        for label in ("root", "ica", "signer", "tsa"):
            subprocess.run(
                [*common, "summon", "sox", label, folder / f"{label}.cert.pem"], check=True, capture_output=True
            )
        server = subprocess.Popen(
            [*common, "animate", "--port", str(port), "--no-web-ui"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(url)
            yield Authority(url, folder)
        finally:
            server.terminate()
            server.wait(_PATIENCE)


def _make_keys(folder: Path) -> None:
    for name in _KEYS:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.key.pem").write_bytes(pem)


def _wait(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{url}/sox/crls/root/latest.crl", timeout=2).close()
        except urllib.error.HTTPError as answer:
            answer.close()  # it answers, whatever it says
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
