"""Terraform states: every version in a versioned bucket, and local state files.

- The version listing is kept as received (`_listing`), and each version not fetched before is fetched by its id.
- A delete marker has no body: an empty capture whose `_s3` says so.
- Listing goes newest first within a key: what was fetched before is skipped by jumping to the next key, so that a
  daily run does not grow with history.
- In a bucket without versions overwritten states are lost: a gap.
- A local file has no version of its own: its digest is its version, its time of change its `last_modified`.

Example::

    terraform:
      buckets: [{bucket: acme-state, prefix: env/, endpoint: https://s3.example, region: eu-west-1}]
      files: [/srv/terraform/*.tfstate]
"""

from __future__ import annotations

import glob
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.exceptions

from evidence.aws import s3_client
from evidence.canonical import sha256
from evidence.capture import Gap, Outcome, instant
from evidence.errors import ConfigError, SourceRejected, SourceUnavailable
from evidence.sources._answers import facts
from evidence.sources._drops import take_new
from evidence.sources._settings import check_names, text, texts
from evidence.sources.base import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client

    from evidence.capture import Window
    from evidence.sources.base import Keep, Source

NAME = "terraform"
PATHS = ("files.*",)
STREAMS: tuple[Stream, ...] = (Stream("terraform.states", "entities"),)
_OVERLAP = timedelta(hours=1)
_PAGE = 1000
_REFUSED = ("Access", "Auth", "Expired", "Forbidden", "InvalidAccessKeyId", "InvalidToken", "NoSuchBucket", "Signature")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where states lie: keys that start with `prefix` and end with `suffix`; listed in pages of `page`."""

    name: str
    prefix: str
    suffix: str
    client: S3Client
    page: int = _PAGE


class Terraform:
    """Buckets and local files with states as a `Source`."""

    streams: tuple[Stream, ...] = STREAMS

    def __init__(self, buckets: tuple[Bucket, ...], patterns: tuple[str, ...]) -> None:
        self._buckets, self._patterns = buckets, patterns

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """See `evidence.sources.base.Source.collect`; every version not fetched before is given."""
        del now
        if stream != "terraform.states":
            raise ConfigError(f"terraform has no stream {stream!r}; it has terraform.states")
        keys: dict[str, Any] = dict(cursor.get("keys", {}))
        gaps: list[Gap] = []
        for bucket in self._buckets:
            with _narrowed(bucket.name):
                gaps += [Gap(window.start, window.end, cause) for cause in _collect(bucket, keys, keep)]
        local = self._local(cursor.get("files", {}), keep)
        return Outcome({"keys": keys, "files": local}, {}, tuple(gaps), complete=not gaps)

    def close(self) -> None:
        """Close the connections."""
        for bucket in self._buckets:
            bucket.client.close()

    def _local(self, state: Mapping[str, Any], keep: Keep) -> dict[str, Any]:
        paths = sorted({Path(found) for pattern in self._patterns for found in glob.glob(pattern, recursive=True)})  # noqa: PTH207 - patterns are absolute

        def take(body: bytes, name: str) -> None:
            changed = datetime.fromtimestamp((Path("/") / name).stat().st_mtime, tz=UTC)
            sighted = {"bucket": "", "key": name, "version_id": sha256(body), "etag": "", "is_delete_marker": False}
            context = {"_s3": {**sighted, "last_modified": instant(changed)}}
            keep(body, request=f"FILE {name}", response={}, context=context)

        return take_new(Path("/"), [path.resolve() for path in paths], state, take)


def connect(settings: Mapping[str, Any], environ: Mapping[str, str]) -> Source:
    """A source for these settings; nothing is asked yet."""
    check_names(NAME, settings, ("buckets", "files"))
    buckets = settings.get("buckets", [])
    if not isinstance(buckets, list) or not all(isinstance(item, dict) for item in buckets):
        raise ConfigError(f"source terraform: buckets must be a list of {{bucket, prefix, …}}, found {buckets!r}")
    patterns = texts(NAME, settings, "files")
    if not buckets and not patterns:
        raise ConfigError("source terraform: neither buckets nor files are set; name where the states lie")
    return Terraform(tuple(_bucket(item, environ) for item in buckets), patterns)


def _bucket(item: Mapping[str, Any], environ: Mapping[str, str]) -> Bucket:
    where = "terraform.buckets"
    check_names(where, item, ("bucket", "prefix", "suffix", "endpoint", "region"))
    region = item.get("region") or environ.get("AWS_REGION", "us-east-1")
    client = s3_client(environ, endpoint=item.get("endpoint"), region=region, attempts=6)
    return Bucket(text(where, item, "bucket"), item.get("prefix", ""), item.get("suffix", ".tfstate"), client)


def _collect(bucket: Bucket, keys: dict[str, Any], keep: Keep) -> list[str]:
    """Fetch every version that `keys` does not know, and note it there; what is lost, in plain words."""
    losses = []
    for entry in _new_versions(bucket, keys, keep):
        name = f"{bucket.name}/{entry['key']}"
        if not _fetch(bucket, entry, keep):
            losses.append(f"{name}: version {entry['version_id']} was removed between listing and fetching")
        if entry["version_id"] == "null":
            losses.append(f"{name}: the bucket keeps no versions; overwritten states are lost")
    return losses


def _new_versions(bucket: Bucket, keys: dict[str, Any], keep: Keep) -> Iterator[dict[str, Any]]:
    marker: dict[str, str] = {}
    before = dict(keys)
    while True:
        page = _list(bucket, marker, keep)
        entries = [_entry(bucket, item) for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]]
        for entry in sorted(entries, key=lambda e: (e["key"], _at(e["last_modified"]))):
            name = f"{bucket.name}/{entry['key']}"
            if entry["key"].endswith(bucket.suffix) and _is_new(entry, before.get(name)):
                yield entry
                keys[name] = _noted(entry, keys.get(name))
        if not page.get("IsTruncated"):
            return
        last = page["NextKeyMarker"]
        known = before.get(f"{bucket.name}/{last}")
        seen_before = known and any(_at(e["last_modified"]) < _at(known["floor"]) for e in entries if e["key"] == last)
        marker = {"KeyMarker": last}  # alone it leads to the next key
        if last.endswith(bucket.suffix) and not seen_before:
            marker["VersionIdMarker"] = page["NextVersionIdMarker"]


def _is_new(entry: Mapping[str, Any], known: Mapping[str, Any] | None) -> bool:
    return known is None or (
        _at(entry["last_modified"]) >= _at(known["floor"])
        and entry["version_id"] not in {version for _, version in known["recent"]}
    )


def _noted(entry: Mapping[str, Any], known: Mapping[str, Any] | None) -> dict[str, Any]:
    """The cursor of one key: versions younger than `floor` are in `recent` if they were fetched."""
    versions = [*(known["recent"] if known else []), [entry["last_modified"], entry["version_id"]]]
    floor = max(_at(modified) for modified, _ in versions) - _OVERLAP
    return {"floor": instant(floor), "recent": [version for version in versions if _at(version[0]) >= floor]}


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _list(bucket: Bucket, marker: Mapping[str, str], keep: Keep) -> dict[str, Any]:
    """One page of the version listing, kept as the XML that S3 sent."""
    received: dict[str, Any] = {}
    events = bucket.client.meta.events
    hook = lambda response_dict, **_: received.update(response_dict)  # noqa: E731 - registered and unregistered by name
    events.register("before-parse.s3.ListObjectVersions", hook)
    try:
        page = bucket.client.list_object_versions(
            Bucket=bucket.name,
            Prefix=bucket.prefix,
            MaxKeys=bucket.page,
            **marker,  # type: ignore[arg-type]
        )
    finally:
        events.unregister("before-parse.s3.ListObjectVersions", hook)
    asked = "".join(f"&{name}={value}" for name, value in sorted(marker.items()))
    headers = {name.lower(): value for name, value in received["headers"].items()}
    keep(
        received["body"],
        request=f"GET s3://{bucket.name}?versions&prefix={bucket.prefix}{asked}",
        response=facts(received["status_code"], headers),
        context={"_listing": True},
    )
    return dict(page)


def _entry(bucket: Bucket, item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "bucket": bucket.name,
        "key": item["Key"],
        "version_id": item["VersionId"],
        "last_modified": instant(item["LastModified"]),
        "etag": str(item.get("ETag", "")).strip('"'),
        "is_delete_marker": "ETag" not in item,
    }


def _fetch(bucket: Bucket, entry: Mapping[str, Any], keep: Keep) -> bool:
    """Keep one version's bytes; False if it is gone."""
    request = f"GET s3://{bucket.name}/{entry['key']}?versionId={entry['version_id']}"
    if entry["is_delete_marker"]:
        keep(b"", request=request, response={}, context={"_s3": dict(entry)})
        return True
    try:
        answer = bucket.client.get_object(Bucket=bucket.name, Key=entry["key"], VersionId=entry["version_id"])
    except botocore.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"NoSuchVersion", "NoSuchKey"}:
            return False
        raise
    about = answer["ResponseMetadata"]
    body = answer["Body"].read()
    keep(
        body,
        request=request,
        response=facts(about["HTTPStatusCode"], about["HTTPHeaders"]),
        context={"_s3": dict(entry)},
    )
    return True


@contextmanager
def _narrowed(bucket: str) -> Iterator[None]:
    """Turn what botocore raises into a refusal or an unavailability."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code.startswith(_REFUSED):
            raise SourceRejected(
                f"bucket {bucket}: {code} from {error.operation_name}: it takes s3:ListBucketVersions and"
                " s3:GetObjectVersion",
                next_step="Give the collector's identity these permissions, or correct the bucket's name.",
            ) from error
        raise SourceUnavailable(
            f"bucket {bucket}: {code} from {error.operation_name}", next_step="Run again."
        ) from error
    except botocore.exceptions.NoCredentialsError as error:
        raise SourceRejected(
            f"bucket {bucket}: no credentials", next_step="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role."
        ) from error
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.HTTPClientError) as error:
        raise SourceUnavailable(
            f"bucket {bucket}: {error}", next_step="Check the endpoint and the network, and run again."
        ) from error
