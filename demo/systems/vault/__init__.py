"""Vault: the files of its two audit devices, appended to as time goes on and rotated weekly.

- `audit.log` is the device `file`, `second/audit.log` the device `second`. Both log every request; their HMACs differ
  because each device has a salt of its own.
- Nothing is served over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.systems.rotation import RotatingLog
from demo.systems.vault.lines import Device, Line, lines
from demo.systems.vault.traffic import calls

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from demo.model import Company
    from demo.systems import Route

DEVICES = {"file": "audit.log", "second": "second/audit.log"}


class Vault:
    """The audit devices of one cluster as a `System`."""

    name = "vault"

    def __init__(self, company: Company, directory: Path) -> None:
        told: list[tuple[int, Line]] = lines(calls(company))
        self._logs = [
            RotatingLog(directory / file, told, Device(company.seed, device).render) for device, file in DEVICES.items()
        ]

    def routes(self) -> list[Route]:
        """None: Vault's own API is not simulated."""
        return []

    def advance(self, now: datetime) -> None:
        """Append what both devices logged up to `now`."""
        for log in self._logs:
            log.advance(now)


def build(company: Company, directory: Path) -> Vault:
    """Vault as a system; see `demo.systems`."""
    return Vault(company, directory)
