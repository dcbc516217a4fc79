"""Open a home from the environment: the one module that reads it, and the code's own identity.

The command line and the Dagster assets, the two outermost layers, both come here.
"""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.canonical import sha256
from evidence.config import load_config
from evidence.errors import ConfigError
from evidence.ledger.statements import CodeIdentity
from evidence.stores.registry import open_store
from warehouse.home import Home

if TYPE_CHECKING:
    from datetime import datetime

    from evidence.stores.base import Store

CHECKOUT = Path(__file__).resolve().parent.parent
_FULL = re.compile(r"[0-9a-f]{40}(\+changes)?$")
_CODE = {".py", ".sql", ".yaml", ".html", ".css"}
CANDIDATES = ("evidence.yaml", "var/evidence.yaml")  # the second one is what `evidence demo` leaves


def find_config(named: Path | None = None) -> Path:
    """The configuration file: as named, else `EVIDENCE_CONFIG`, else the first of `CANDIDATES` that is there."""
    if named is not None:
        return named
    if "EVIDENCE_CONFIG" in os.environ:
        return Path(os.environ["EVIDENCE_CONFIG"])
    for candidate in CANDIDATES:
        if Path(candidate).is_file():
            return Path(candidate)
    return Path(CANDIDATES[0])


def open_home(named: Path | None, *, now: datetime) -> Home:
    """The home of a configuration file; `ConfigError` with every finding if it cannot be used.

    Args:
        named: the file, or None to look for it (see `find_config`).
        now: decides until when what is stored from now on is retained.
    """
    config = load_config(find_config(named))
    years = config.store.retention_years
    until = now.replace(year=now.year + years + 1, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    return Home(config, dict(os.environ), collector(), until if years else None)


def open_captures(place: str, *, cache: Path) -> Store:
    """The store of captures at `place`, only to be read from.

    Args:
        place: a locker's folder, a home or a folder with an `evidence.yaml`, or the URL of a store.
        cache: where copies of a remote store's objects may lie.

    Raises:
        ConfigError: there are no captures at that place.
    """
    folder = Path(place)
    if re.match(r"[a-z][a-z0-9+.-]+:", place):
        return open_store(place, cache=cache, environ=dict(os.environ))
    if (folder / "evidence.yaml").is_file():
        return Home(load_config(folder / "evidence.yaml"), dict(os.environ), collector()).store
    found = [path for path in (folder, folder / "locker") if (path / "objects").is_dir()]
    if not found:
        raise ConfigError(
            f"there are no captures in {place!r}; valid: a locker, a home, a folder with evidence.yaml, or file:… s3://…",
            next_step="Name the folder that the captures were handed over in.",
        )
    return open_store(str(found[0]), cache=cache)


@cache
def collector() -> dict[str, str]:
    """Who collects: product, version and the commit of the code, with `+changes` if the tree is not clean."""
    try:
        release = version("delivery-evidence")
    except PackageNotFoundError:
        release = "source"
    return {"name": "delivery-evidence", "version": release, "commit": _commit()}


@cache
def code_identity() -> CodeIdentity:
    """The code that states things: its commit, or the digest of the installed files where there is no checkout."""
    commit = collector()["commit"]
    lock = CHECKOUT / "requirements.lock"
    packages = sorted(f"{d.name}=={d.version}" for d in distributions())
    return CodeIdentity(
        commit.removesuffix("+changes") if _FULL.match(commit) else _installed_sha256(),
        not commit.endswith("+changes"),
        sha256(lock.read_bytes() if lock.is_file() else "\n".join(packages).encode()),
    )


@cache
def code_sha256() -> str:
    """Digest of the code as it lies here, committed or not, and of the packages that it is locked to."""
    return sha256(f"{_installed_sha256()} {code_identity().lock_sha256}".encode())


def _installed_sha256() -> str:
    folders = ("evidence", "warehouse", "controls", "reports", "assets", "cli")
    found = sorted(p for name in folders for p in (CHECKOUT / name).rglob("*") if p.suffix in _CODE)
    listing = "\n".join(f"{p.relative_to(CHECKOUT)} {sha256(p.read_bytes())}" for p in found)
    return sha256(listing.encode())


def _commit() -> str:
    if not (CHECKOUT / ".git").exists():
        return "unknown: not run from a checkout"
    try:
        head = _git("rev-parse", "HEAD")
        dirty = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError) as error:
        return f"unknown: git does not say ({type(error).__name__})"
    return head + ("+changes" if dirty else "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(CHECKOUT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
