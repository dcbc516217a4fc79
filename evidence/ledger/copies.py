"""Copies of checkpoints in other places: a folder, an S3 bucket, a git remote, somebody's mail.

- A copy is a file that is never changed: `<size>-<digest>.checkpoint`, with the timestamp as `….tsr` beside it.
- A place that cannot be reached is named to the caller; it never holds up the others, or the log.
- git is asked to append a commit to the branch `checkpoints`, and never to force it: what the remote has and we have
  not is kept. That is as strong as the remote's own protection of that branch.

Places::

    dir/of/copies                              a folder (a mount, a share)
    s3://bucket/prefix?region=eu-central-1     a bucket, best with Object Lock in another account
    git+ssh://git@host/acme/checkpoints.git    a git remote, in any form behind `git+`
    mailto:auditor@firm.example?relay=…&sender=…   a mailbox (evidence.ledger.mail)
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.canonical import sha256
from evidence.errors import ConfigError, EvidenceError, SourceUnavailable
from evidence.ledger.heads import read
from evidence.ledger.mail import to_mail
from evidence.stores.registry import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

BRANCH = "checkpoints"
_GIT = "git+"
_WHO = ("-c", "user.name=evidence", "-c", "user.email=evidence@localhost", "-c", "commit.gpgsign=false")
_PATIENCE = 120  # seconds


class Copies:
    """The places that checkpoints are copied to.

    Args:
        places: as configured.
        root: the folder that relative places start at.
        work: a folder for local copies of remotes; may be lost.
        environ: the environment, for drivers that take credentials from it.
        retain_until: retention put on copies, where the place knows retention.
    """

    def __init__(
        self,
        places: Iterable[str],
        *,
        root: Path,
        work: Path,
        environ: Mapping[str, str],
        retain_until: datetime | None = None,
    ) -> None:
        self._places, self._root, self._work = tuple(places), root, work
        self._environ, self._retain_until = environ, retain_until

    def push(self, note: bytes, token: bytes | None = None) -> dict[str, str]:
        """Copy the checkpoint `note` and its timestamp everywhere; per place that did not take it, why."""
        files = copies_of(note, token)
        failed = {}
        for place in self._places:
            try:
                self._push(place, files)
            except (EvidenceError, OSError) as error:
                failed[place] = str(error)
        return failed

    def _push(self, place: str, files: Mapping[str, bytes]) -> None:
        if place.startswith(_GIT):
            _to_git(self._remote(place.removeprefix(_GIT)), self._work / sha256(place.encode())[:16], files)
        elif place.startswith("s3:"):
            store = open_store(place, cache=self._work / "s3", environ=self._environ)
            for name, data in files.items():
                store.put(name, data, retain_until=self._retain_until)
        elif place.startswith("mailto:"):
            to_mail(place, files, self._work / "mailed", self._environ)
        elif re.match(r"[a-z][a-z0-9+.-]+:", place.removeprefix("file:")):
            raise ConfigError(f"{place!r} is no place for copies; valid: a folder, s3://…, git+…, mailto:…")
        else:
            _to_folder(self._root / place.removeprefix("file:"), files)

    def _remote(self, remote: str) -> str:
        return remote if "://" in remote or re.match(r"[\w.-]+@[\w.-]+:", remote) else str(self._root / remote)


def copies_of(note: bytes, token: bytes | None) -> dict[str, bytes]:
    """The files that a copy of a checkpoint is made of, by name; of one log, names sort by size."""
    name = f"{read(note)[1].size:012d}-{sha256(note)[:16]}"
    files = {f"{name}.checkpoint": note}
    return files if token is None else {**files, f"{name}.tsr": token}


def _to_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        target = folder / name
        if target.exists():
            if target.read_bytes() != data:
                raise SourceUnavailable(f"{target} holds other bytes than were copied there: somebody changed it")
            continue
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary = Path(file.name)
        try:
            temporary.chmod(0o444)
            os.link(temporary, target)  # unlike rename, link never replaces what is there
        finally:
            temporary.unlink()


def _to_git(remote: str, clone: Path, files: Mapping[str, bytes]) -> None:
    if not (clone / ".git").exists():
        clone.mkdir(parents=True, exist_ok=True)
        _git(clone, "init", "--quiet")
    if _git(clone, "ls-remote", "--heads", remote, BRANCH):
        _git(clone, "fetch", "--quiet", "--no-tags", remote, BRANCH)
        _git(clone, "checkout", "--quiet", "--force", "-B", BRANCH, "FETCH_HEAD")
    else:
        _git(clone, "checkout", "--quiet", "--orphan", BRANCH)
    for name, data in files.items():
        (clone / name).write_bytes(data)
    _git(clone, "add", "--", *files)
    if _git(clone, "status", "--porcelain"):
        _git(clone, *_WHO, "commit", "--quiet", "-m", f"Checkpoint {next(iter(files))}")
        _git(clone, "push", "--quiet", remote, f"HEAD:refs/heads/{BRANCH}")


def _git(clone: Path, *words: str) -> str:
    command = ["git", "-C", str(clone), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE)  # noqa: S603
    except subprocess.CalledProcessError as error:
        raise SourceUnavailable(f"git {words[0]}: {error.stderr.strip()[-300:]}") from error
    except subprocess.TimeoutExpired as error:
        raise SourceUnavailable(f"git {words[0]} took longer than {_PATIENCE} s") from error
    return done.stdout
