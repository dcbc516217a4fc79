"""Take files that somebody exported: keep each one's bytes, build its records, say what became of them.

- No file aborts the others; what cannot be read is quarantined with reason and position, and counted.
- Their receipts are leaves of the ledger before anything is built from them.
- For each file: received = stored + duplicate + conflict + quarantined; `stored` has the versions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from evidence.errors import ConfigError
from warehouse.sheets import sheet_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from evidence.custody import Custody, Receipt
    from evidence.ledger.log import Log
    from warehouse.build import Builder, Counts


@dataclass(frozen=True, slots=True)
class Taken:
    """One file, as it was kept and built.

    Attributes:
        stream: full stream name.
        file: the file, as it was named.
        receipt: SHA-256 of its receipt.
        counts: what became of its records.
    """

    stream: str
    file: str
    receipt: str
    counts: Counts

    def as_json(self) -> dict[str, Any]:
        """The object of the contract of `import --json`."""
        return {"stream": self.stream, "file": self.file, **asdict(self.counts)}


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files that `paths` name; a folder stands for every file below it, in the order of their names."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise ConfigError(
                f"{path} was to be imported, but is neither a file nor a folder", next_step="Name files that exist."
            )
    return found


def take_files(
    custody: Custody,
    builder: Builder,
    stream: str,
    files: Sequence[tuple[Path, str]],
    *,
    now: datetime,
    log: Log | None = None,
) -> list[Taken]:
    """Keep and build files of one stream, in their order.

    Args:
        stream: full name or alias.
        files: each file's path, and the name that its receipt gives it.
        log: the ledger that the receipts are published to, also where a later file fails; None where there is none.

    Raises:
        ConfigError: a stream that is not known, or a file that cannot be read; what was kept before stays.
        StoreError: the locker failed; what was kept before stays, and is built the next time.
    """
    sheet = sheet_of(stream)
    receipts: list[Receipt] = []
    try:
        for number, (path, name) in enumerate(files):
            arrived = now + timedelta(microseconds=number)  # so that a rebuild finds the order in which they were named
            receipts.append(_kept(custody, sheet.stream, path, name, arrived))
    finally:
        if log is not None:
            custody.publish(log, receipts)
    builder.build([sheet.stream])
    return [
        Taken(sheet.stream, name, receipt.sha256, builder.counts(receipt.sha256))
        for receipt, (_, name) in zip(receipts, files, strict=True)
    ]


def _kept(custody: Custody, stream: str, path: Path, name: str, now: datetime) -> Receipt:
    try:
        return custody.keep_file(stream, path, name=name, now=now)
    except PermissionError as error:
        raise ConfigError(
            f"{path} was to be imported, but may not be read", next_step="Make it readable for this user."
        ) from error
