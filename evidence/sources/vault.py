"""HashiCorp Vault (and OpenBao): the audit devices' files, read on through rotation.

- Vault answers a request once one device has logged it: completeness is the union over all devices, so all are read,
  and each capture says whose it is (`_audit_device`).
- Vault keeps no history of its own: what rotation removed before it was read is lost, and told.

Example::

    vault:
      devices: {file: /var/log/vault/audit.log, second: /mnt/audit/vault.log}
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.capture import Gap, Outcome
from evidence.errors import ConfigError
from evidence.sources._settings import check_names, text
from evidence.sources._tail import tail
from evidence.sources.base import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evidence.capture import Window
    from evidence.sources.base import Keep, Source

NAME = "vault"
PATHS = ("devices.*",)
STREAMS: tuple[Stream, ...] = (Stream("vault.audit", "file", second_source="elasticsearch.vault_audit"),)


class Vault:
    """The audit files of one Vault cluster as a `Source`; `devices` maps a device's name to its file."""

    streams: tuple[Stream, ...] = STREAMS

    def __init__(self, devices: Mapping[str, Path]) -> None:
        self._devices = devices

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """See `evidence.sources.base.Source.collect`; a file gives everything new, whatever the window."""
        del now
        if stream != "vault.audit":
            raise ConfigError(f"vault has no stream {stream!r}; it has vault.audit")
        after: dict[str, Any] = {}
        gaps: list[Gap] = []
        totals: dict[str, int] = {}
        for device, path in self._devices.items():
            context = {"_audit_device": device}

            def take(body: bytes, name: str, offset: int, context: Mapping[str, str] = context) -> None:
                keep(body, request=f"FILE {name}", response={"offset": offset}, context=context)

            read = tail(path, cursor.get(device, {}), take)
            after[device] = read.state
            totals[f"{device} lines"] = read.lines
            gaps += [
                Gap(window.start, window.end, f"{device}: {loss}", "elasticsearch.vault_audit") for loss in read.losses
            ]
        return Outcome(after, totals, tuple(gaps), complete=not gaps)

    def close(self) -> None:
        """Nothing is held open between collections."""


def connect(settings: Mapping[str, Any], environ: Mapping[str, str]) -> Source:
    """A source for these settings; nothing is read yet."""
    del environ
    check_names(NAME, settings, ("devices",))
    devices = settings.get("devices")
    if not isinstance(devices, dict) or not devices:
        raise ConfigError(
            f"source vault: devices must map each audit device's name to its file, found {devices!r}",
            next_step="Take the names from `vault audit list`.",
        )
    return Vault({str(name): Path(text(NAME, devices, name)) for name in devices})
