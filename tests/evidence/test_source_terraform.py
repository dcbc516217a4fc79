"""Terraform states: every version of a versioned bucket once, markers, listings, and local files."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from evidence.capture import Window
from evidence.errors import ConfigError, SourceRejected, SourceUnavailable
from evidence.sources import terraform
from tests import seaweed as seaweedfs
from tests.evidence.keeping import Keeping

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from evidence.capture import Outcome
    from tests.seaweed import Seaweed

NOW = datetime(2026, 7, 3, 6, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=1), NOW)
KEY = "env/prod/terraform.tfstate"
_BUCKETS = itertools.count()


class States:
    """A fresh versioned bucket with states, and the connector for it."""

    def __init__(self, server: Seaweed, client: S3Client, *, versioned: bool = True) -> None:
        self.client, self.server, self.name = client, server, f"states-{next(_BUCKETS)}"
        client.create_bucket(Bucket=self.name)
        if versioned:
            client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, serial: int, key: str = KEY) -> bytes:
        body = json.dumps({"version": 4, "serial": serial, "lineage": "l"}).encode()
        self.client.put_object(Bucket=self.name, Key=key, Body=body)
        return body

    def collect(self, keep: Keeping, cursor: dict[str, Any] | None = None, *, page: int = 1000) -> Outcome:
        item = {"bucket": self.name, "prefix": "env/", "endpoint": self.server.endpoint}
        source = terraform.connect({"buckets": [item]}, self.server.environ)
        bucket = source._buckets[0]  # type: ignore[attr-defined]
        source._buckets = (terraform.Bucket(bucket.name, bucket.prefix, bucket.suffix, bucket.client, page),)  # type: ignore[attr-defined]
        outcome = source.collect("terraform.states", WINDOW, cursor=cursor or {}, now=NOW, keep=keep)
        source.close()
        return outcome


@pytest.fixture(scope="module")
def client(seaweed: Seaweed) -> S3Client:
    """A client of the real server."""
    return boto3.client(
        "s3",
        endpoint_url=seaweed.endpoint,
        region_name="us-east-1",
        aws_access_key_id=seaweedfs.ACCESS_KEY,
        aws_secret_access_key=seaweedfs.SECRET_KEY,
    )


@pytest.fixture
def states(seaweed: Seaweed, client: S3Client) -> States:
    """A fresh bucket."""
    return States(seaweed, client)


def bodies(keep: Keeping) -> list[bytes]:
    """The states that were kept, in order."""
    return [keep.bodies[s.capture] for s in keep.usable()]


@pytest.mark.server
def test_every_version_is_fetched_once_and_as_it_is(states: States) -> None:
    """The listing is kept as received, each version with its listing entry; next time only what is new."""
    first, second = states.put(1), states.put(2)
    states.put(3, "env/prod/terraform.tfstate.tflock")
    keep = Keeping()
    outcome = states.collect(keep)
    assert sorted(bodies(keep)) == sorted([first, second])
    entry = keep.usable()[0].context["_s3"]
    assert set(entry) == {"bucket", "key", "version_id", "last_modified", "etag", "is_delete_marker"}
    assert (entry["bucket"], entry["key"], entry["is_delete_marker"]) == (states.name, KEY, False)
    listing = next(s for s in keep.sightings if s.context.get("_listing"))
    assert keep.bodies[listing.capture].startswith(b"<?xml")
    third, again = states.put(4), keep.again()
    states.collect(again, dict(outcome.cursor))
    assert bodies(again) == [third]


@pytest.mark.server
def test_a_delete_marker_is_a_record_without_a_body(states: States) -> None:
    """That a state was deleted is evidence: an empty capture whose entry says so."""
    states.put(1)
    states.client.delete_object(Bucket=states.name, Key=KEY)
    keep = Keeping()
    states.collect(keep)
    marker = next(s for s in keep.usable() if s.context["_s3"]["is_delete_marker"])
    assert keep.bodies[marker.capture] == b""
    assert marker.context["_s3"]["etag"] == ""


@pytest.mark.server
def test_pages_of_a_listing_are_followed_and_known_history_is_jumped_over(states: States) -> None:
    """Every version of every key is found over many pages; a later run skips a key's history."""
    keys = [f"env/{name}/terraform.tfstate" for name in "abc"]
    for serial, key in itertools.product(range(5), keys):
        states.put(serial, key)
    keep = Keeping()
    outcome = states.collect(keep, page=2)
    assert len(bodies(keep)) == 15
    old = json.loads(json.dumps(outcome.cursor))
    for known in old["keys"].values():
        known["floor"] = "2100-01-01T00:00:00Z"
    again = keep.again()
    states.collect(again, old, page=2)
    assert bodies(again) == []
    assert len(again.sightings) <= len(keys) + 1 < len(keep.sightings) - 15


@pytest.mark.server
def test_a_bucket_without_versions_is_a_gap(seaweed: Seaweed, client: S3Client) -> None:
    """Where the bucket overwrites, earlier states are lost, and that is told."""
    plain = States(seaweed, client, versioned=False)
    plain.put(1)
    outcome = plain.collect(Keeping())
    assert "overwritten states are lost" in outcome.gaps[0].cause


@pytest.mark.server
def test_a_refusal_names_the_permissions(seaweed: Seaweed, states: States) -> None:
    """Wrong credentials are not retried; the message says what it takes."""
    item = {"bucket": states.name, "endpoint": seaweed.endpoint}
    source = terraform.connect({"buckets": [item]}, {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "x"})
    with pytest.raises(SourceRejected, match="s3:ListBucketVersions"):
        source.collect("terraform.states", WINDOW, cursor={}, now=NOW, keep=Keeping())


def test_an_unreachable_bucket_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody at the endpoint: run again, after a look at the network."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    item = {"bucket": "states", "endpoint": "http://127.0.0.1:9"}
    source = terraform.connect({"buckets": [item]}, {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    with pytest.raises(SourceUnavailable, match="bucket states: Could not connect"):
        source.collect("terraform.states", WINDOW, cursor={}, now=NOW, keep=Keeping())


def test_local_states_are_taken_by_their_digest(tmp_path: Path) -> None:
    """A local file's version is its digest; an overwritten one is a new version."""
    path = tmp_path / "terraform.tfstate"
    path.write_text('{"serial":1}')
    source = terraform.connect({"files": [f"{tmp_path}/*.tfstate"]}, {})
    keep = Keeping()
    first = source.collect("terraform.states", WINDOW, cursor={}, now=NOW, keep=keep)
    path.write_text('{"serial":2}')
    source.collect("terraform.states", WINDOW, cursor=first.cursor, now=NOW, keep=keep)
    assert bodies(keep) == [b'{"serial":1}', b'{"serial":2}']
    versions = [s.context["_s3"]["version_id"] for s in keep.sightings]
    assert versions == [s.capture for s in keep.sightings]


def test_settings_are_checked() -> None:
    """A source without a place to look is said at once."""
    with pytest.raises(ConfigError, match="neither buckets nor files"):
        terraform.connect({}, {})
    with pytest.raises(ConfigError, match="unknown setting 'bucktes'"):
        terraform.connect({"bucktes": []}, {})
