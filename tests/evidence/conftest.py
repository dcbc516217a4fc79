"""Fixtures of the evidence package's tests: stores, and the S3 server below one of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
import pytest

from evidence.stores.registry import open_store
from tests import seaweed as seaweedfs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from evidence.stores.base import Store
    from tests.seaweed import Seaweed

BUCKET = "evidence-locked"
_PREFIXES = itertools.count()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fresh, empty store is: enough to open it again, here or in another process."""

    url: str
    cache: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def open(self) -> Store:
        """A new handle on the same store."""
        return open_store(self.url, cache=self.cache, environ=self.environ)


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """One SeaweedFS for the whole session."""
    if seaweedfs.missing():
        pytest.skip(seaweedfs.missing())
    with seaweedfs.running() as server:
        yield server


@pytest.fixture(scope="session")
def s3(seaweed: Seaweed) -> S3Client:
    """A client of that server, in whose locked bucket each test has a prefix of its own."""
    client = boto3.client(
        "s3",
        endpoint_url=seaweed.endpoint,
        region_name="us-east-1",
        aws_access_key_id=seaweedfs.ACCESS_KEY,
        aws_secret_access_key=seaweedfs.SECRET_KEY,
    )
    client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    return client


@pytest.fixture
def s3_place(seaweed: Seaweed, s3: S3Client, tmp_path: Path) -> Place:
    """A fresh store in the locked bucket."""
    del s3
    url = f"s3://{BUCKET}/test-{next(_PREFIXES)}?endpoint={seaweed.endpoint}&region=us-east-1"
    return Place(url, tmp_path / "cache", seaweed.environ)


@pytest.fixture
def file_place(tmp_path: Path) -> Place:
    """A fresh store in a folder that does not exist yet."""
    return Place(f"file:{tmp_path / 'locker'}", tmp_path / "cache")


@pytest.fixture(params=["file", pytest.param("s3", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest) -> Place:
    """A fresh store of each kind, for the contract suite."""
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest.fixture
def store(place: Place) -> Store:
    """A handle on it."""
    return place.open()
