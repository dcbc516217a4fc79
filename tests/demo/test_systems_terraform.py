"""The simulated state bucket, asked through boto3."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from demo.company import simulate
from demo.http import Server, Site
from demo.systems import terraform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from demo.model import Company

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def company() -> Company:
    """One company for all tests here."""
    return simulate(5, date(2026, 7, 1), date(2026, 10, 1))


@pytest.fixture(scope="module")
def site(company: Company) -> Iterator[Site]:
    """The bucket behind a server, its clock at the end of the period."""
    site = Site([terraform.TerraformStates(company)], company.end)
    server = Server(site)
    server.start()
    yield site
    server.stop()


@pytest.fixture(scope="module")
def s3(site: Site) -> Iterator[Any]:
    """A client as the connector makes it."""
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})
    client = boto3.client(
        "s3", endpoint_url=f"{site.root}/terraform", region_name="us-east-1", aws_access_key_id="demo",
        aws_secret_access_key="demo", config=config,
    )  # fmt: skip
    yield client
    client.close()


def _listing(s3: Any, bucket: str, size: int = 1000, prefix: str = "") -> list[dict[str, Any]]:
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": size}
    )
    return [
        {**v, "Marker": kind == "DeleteMarkers"}
        for p in pages
        for kind in ("Versions", "DeleteMarkers")
        for v in p.get(kind, [])
    ]


def test_every_version_of_the_timeline_is_listed_and_readable(company: Company, s3: Any) -> None:
    """Serial, lineage, writer's time and resources of each stored version are the timeline's."""
    listed = {v["VersionId"]: v for v in _listing(s3, company.state_bucket)}
    for told in company.terraform_versions:
        entry = listed[told.version_id]
        assert (entry["Key"], entry["LastModified"]) == (told.key, told.written_at)
        got = s3.get_object(Bucket=company.state_bucket, Key=told.key, VersionId=told.version_id)
        body = got["Body"].read()
        state = json.loads(body)
        assert (state["version"], state["serial"], state["lineage"]) == (4, told.serial, told.lineage)
        assert tuple(f"{r['type']}.{r['name']}" for r in state["resources"]) == told.addresses
        assert got["ETag"] == entry["ETag"]
        assert len(body) == entry["Size"]


def test_consecutive_versions_differ_in_the_changed_resources_alone(company: Company, s3: Any) -> None:
    """A resource diff between two versions is what the run changed."""
    for key in company.state_keys:
        before: dict[str, Any] = {}
        for told in (v for v in company.terraform_versions if v.key == key):
            got = s3.get_object(Bucket=company.state_bucket, Key=key, VersionId=told.version_id)
            now = {f"{r['type']}.{r['name']}": r for r in json.loads(got["Body"].read())["resources"]}
            if before:
                assert {a for a in now if now[a] != before.get(a)} == set(told.changed)
            before = now


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_pages_of_any_size_give_the_whole_listing(company: Company, s3: Any, size: int) -> None:
    """Key and version markers lose nothing and repeat nothing; one version of each key is the latest."""
    found = _listing(s3, company.state_bucket, size)
    whole = _listing(s3, company.state_bucket)
    assert sorted(v["VersionId"] for v in found) == sorted(v["VersionId"] for v in whole)
    assert len({v["VersionId"] for v in found}) == len(found)
    assert len([v for v in found if v["IsLatest"]]) == len({v["Key"] for v in found})


def test_locks_tell_who_wrote(company: Company, s3: Any) -> None:
    """Each write lies between a lock and its release, and a write outside the pipeline names the person."""
    listed = _listing(s3, company.state_bucket)
    outside = next(v for v in company.terraform_versions if v.run_id is None and v.written_at > company.start)
    locks = [v for v in listed if v["Key"] == f"{outside.key}.tflock"]
    held = max(
        (v for v in locks if not v["Marker"] and v["LastModified"] <= outside.written_at),
        key=lambda v: v["LastModified"],
    )
    body = s3.get_object(Bucket=company.state_bucket, Key=held["Key"], VersionId=held["VersionId"])["Body"].read()
    assert json.loads(body)["Who"].startswith(outside.writer)
    assert min(v["LastModified"] for v in locks if v["Marker"] and v["LastModified"] > outside.written_at)


def test_the_bucket_is_as_of_the_clock(company: Company, site: Site, s3: Any) -> None:
    """A version does not exist before it was written."""
    told = company.terraform_versions[5]
    site.set_clock("terraform", told.written_at - timedelta(seconds=1))
    assert told.version_id not in {v["VersionId"] for v in _listing(s3, told.bucket)}
    site.set_clock("terraform", told.written_at)
    latest = s3.head_object(Bucket=told.bucket, Key=told.key)
    assert (latest["VersionId"], latest["LastModified"]) == (told.version_id, told.written_at)
    site.set_clock("terraform", company.end)


def test_objects_location_and_versioning_answer(company: Company, s3: Any) -> None:
    """A connector can check what it talks to; released locks are no objects."""
    bucket = company.state_bucket
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    assert [o["Key"] for p in pages for o in p["Contents"]] == sorted(company.state_keys)


@pytest.mark.parametrize(
    ("bucket", "key", "version", "code"),
    [
        ("another", "x", None, "NoSuchBucket"),
        (None, "nothing", None, "NoSuchKey"),
        (None, "production/network/terraform.tfstate", "0" * 32, "NoSuchVersion"),
        (None, "production/network/terraform.tfstate.tflock", None, "NoSuchKey"),
    ],
)
def test_what_is_not_there_is_refused_as_s3_does(
    company: Company, s3: Any, bucket: str | None, key: str, version: str | None, code: str
) -> None:
    """Errors carry S3's codes."""
    named = {"VersionId": version} if version else {}
    with pytest.raises(ClientError, match=code):
        s3.get_object(Bucket=bucket or company.state_bucket, Key=key, **named)


def test_bodies_follow_from_the_seed(company: Company, tmp_path: Path) -> None:
    """The same company gives the same bytes."""
    again = terraform.build(simulate(5, date(2026, 7, 1), date(2026, 10, 1)), tmp_path)
    first = terraform.build(company, tmp_path)
    one, two = ([v for v, _ in s._bucket.versions(company.end)] for s in (first, again))
    assert one == two
