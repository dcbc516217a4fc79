"""The versions of all objects of the state bucket: state files, and the lock files of Terraform's S3 backend.

- A run holds `<key>.tflock` from shortly before its first version until shortly after its last; releasing it leaves a
  delete marker, so that the bucket tells who wrote and when.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from demo.systems.stable import digest, guid, micros
from demo.systems.terraform.states import Resources, state_body

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from demo.model import Company, TerraformVersion

_BEFORE = timedelta(seconds=25)
_AFTER = timedelta(seconds=2)


@dataclass(frozen=True)
class Version:
    """One version of an object. `body` None is a delete marker."""

    key: str
    version_id: str
    at: datetime
    body: bytes | None

    @cached_property
    def etag(self) -> str:
        """The MD5 of the body, in quotes as S3 writes it."""
        return f'"{hashlib.md5(self.body or b"", usedforsecurity=False).hexdigest()}"'


class Bucket:
    """All versions that the bucket will ever have; `versions` shows those of an instant."""

    def __init__(self, company: Company) -> None:
        self.name = company.state_bucket
        states: list[Version] = []
        resources: dict[str, Resources] = {}
        for told in company.terraform_versions:
            held = resources.setdefault(told.key, {})
            body = state_body(told, held)
            states.append(Version(told.key, told.version_id, told.written_at, body))
        found = [*states, *_locks(company)]
        self._versions = sorted(found, key=lambda v: (v.key, -v.at.timestamp()))

    def versions(self, now: datetime, prefix: str = "") -> list[tuple[Version, bool]]:
        """(version, whether it is its object's latest), by key, the newest first."""
        shown: list[tuple[Version, bool]] = []
        last = None
        for version in self._versions:
            if version.at <= now and version.key.startswith(prefix):
                shown.append((version, version.key != last))
                last = version.key
        return shown

    def find(self, key: str, version_id: str | None, now: datetime) -> Version | None:
        """A version of an object, its latest without `version_id`; None where there is none."""
        return next(
            (
                v
                for v, latest in self.versions(now, key)
                if v.key == key and (v.version_id == version_id if version_id else latest)
            ),
            None,
        )


def _locks(company: Company) -> Iterator[Version]:
    ordered = sorted(company.terraform_versions, key=lambda v: (v.key, v.written_at))
    for (key, _), group in groupby(ordered, key=lambda v: (v.key, v.run_id or v.version_id)):
        written = list(group)
        first, name = written[0], f"{key}.tflock"
        at = first.written_at - _BEFORE
        yield Version(name, _version_id(company, name, at), at, _lock_body(company, first, at))
        released = written[-1].written_at + _AFTER
        yield Version(name, _version_id(company, name, released), released, None)


def _version_id(company: Company, name: str, at: datetime) -> str:
    return digest(company.seed, name, at).hex()[:32]


def _lock_body(company: Company, first: TerraformVersion, at: datetime) -> bytes:
    host = f"runner-{first.run_id % 90 + 10}" if first.run_id else "laptop"
    told = {
        "ID": guid(company.seed, "lock", first.version_id),
        "Operation": "OperationTypeApply",
        "Info": "",
        "Who": f"{first.writer}@{host}",
        "Version": first.terraform_version,
        "Created": micros(at),
        "Path": f"{first.bucket}/{first.key}",
    }
    return json.dumps(told, separators=(",", ":")).encode()
