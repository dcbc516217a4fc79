"""Objects in an S3 bucket with Object Lock, which holds the retention against everybody.

- `If-None-Match: *` makes a put write-once. When it is refused, the SHA-256 that S3 keeps decides between "the same
  bytes, fine" and an `IntegrityError`; so a put that was stored but whose answer was lost succeeds when repeated.
- Each body travels with its SHA-256, which S3 checks on arrival, keeps, and gives back with every read. An object
  without one was not written by this store (or was replaced below S3): it is an `IntegrityError`, not evidence.
- `retain_until` is the object's own COMPLIANCE lock: nobody, the account's root included, can shorten it.
- A bucket without versioning and Object Lock is refused before the first put: both can only be given when it is made.
- S3's DELETE hides an object behind a marker and keeps the locked version; a read then says so.
"""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import parse_qsl, urlsplit

from botocore.exceptions import ClientError, FlexibleChecksumError

from evidence.aws import s3_client
from evidence.canonical import file_sha256
from evidence.errors import ConfigError, IntegrityError, StoreError
from evidence.stores._durable import narrowed
from evidence.stores._s3_errors import FOREIGN, code_of, translated
from evidence.stores.base import Retention, Store, changed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_PARAMETERS = {"endpoint", "region"}
_REHEARSAL = ".writable"  # the one object that `check_writable` leaves; `list` does not show it
_LARGEST = 5 * 2**30  # bytes of one put; parts would have no SHA-256 of the whole
_BLOCK = 1 << 20  # bytes copied at a time
_RACES = 5  # repetitions after S3's "another conditional write is under way", 0.1 to 1.6 s apart


def open(url: str, *, cache: Path, environ: Mapping[str, str]) -> S3Store:  # noqa: A001 - the registry's name
    """The store of `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`.

    `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` of `environ` are used where given; otherwise
    boto3's own order (profile, container or instance role).
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if not parts.netloc or "@" in parts.netloc or set(options) - _PARAMETERS:
        raise ConfigError(
            f"store {url!r} is not s3://BUCKET/PREFIX?endpoint=URL&region=NAME",
            next_step="Correct `store` in the configuration; credentials belong in the environment, not there.",
        )
    region = options.get("region") or environ.get("AWS_REGION")
    client = s3_client(environ, endpoint=options.get("endpoint"), region=region, attempts=5)
    folder = cache / hashlib.sha256(url.encode()).hexdigest()[:16]
    return S3Store(parts.netloc, parts.path.strip("/"), client, cache=folder, url=url)


class S3Store(Store):
    """A store under `prefix` in `bucket`; `cache` is a folder of its own for local copies."""

    def __init__(self, bucket: str, prefix: str, client: S3Client, *, cache: Path, url: str = "") -> None:
        self.url = url or f"s3://{bucket}/{prefix}"
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._s3 = client
        self._cache = cache
        self._bucket_is_fit = False
        self._copied: set[str] = set()  # keys whose local copy this process has checked

    def check_writable(self) -> None:
        """See that the bucket locks objects, and put the same small object as every time before."""
        self._put(_REHEARSAL, b"This object shows that the store can be written.\n", None)

    def _put(self, key: str, data: bytes, retain_until: datetime | None) -> bool:
        return self._keep(key, data, hashlib.sha256(data).digest(), retain_until)

    def _put_file(self, key: str, path: Path, sha256: str, retain_until: datetime | None) -> bool:
        """One put, which S3 checks against the digest; a file that changed in between is refused there."""
        if (size := path.stat().st_size) > _LARGEST:
            raise StoreError(
                f"{path} has {size:,} bytes; S3 takes at most {_LARGEST:,} in one put",
                next_step="Split the file at a line end, or compress it, and import the parts.",
            )
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise changed(path)
            file.seek(0)
            return self._keep(key, file, bytes.fromhex(sha256), retain_until)

    def _keep(self, key: str, data: bytes | BinaryIO, digest: bytes, retain_until: datetime | None) -> bool:
        with self._narrowed(f"storing {key}"):
            self._require_lock()
            if self._put_new(key, data, digest, retain_until):
                return True
            held = self._head(key)
            found = self._recorded(key, held.get("ChecksumSHA256", ""))
            if found != digest:
                raise IntegrityError(
                    f"{key} in {self.url} holds other bytes: sha256 {found.hex()} there, {digest.hex()} offered",
                    next_step="Objects are never replaced: find out which of the two was altered.",
                )
            locked = _locked_until(held)
            if retain_until and (locked is None or locked < retain_until):
                self._lock(key, retain_until)
        return False

    def _get(self, key: str) -> bytes:
        with self._narrowed(f"reading {key}"):
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + key, ChecksumMode="ENABLED")
            data = answer["Body"].read()
            if hashlib.sha256(data).digest() != self._recorded(key, answer.get("ChecksumSHA256", "")):
                raise self._altered(f"reading {key}", "another SHA-256 is recorded")
            return data

    def _exists(self, key: str) -> bool:
        with self._narrowed(f"looking for {key}"):
            try:
                self._head(key)
            except ClientError as error:
                if code_of(error) == "404":
                    return False
                raise
            return True

    def _list(self, prefix: str) -> Iterator[str]:
        with self._narrowed(f"listing {prefix!r}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            found = [one["Key"].removeprefix(self._prefix) for page in pages for one in page.get("Contents", [])]
        # Sorted here: SeaweedFS and AWS's directory buckets have orders of their own.
        yield from (key for key in sorted(found) if key != _REHEARSAL)

    def _local_path(self, key: str) -> Path:
        path = self._cache / key
        if key not in self._copied:
            with self._narrowed(f"reading {key}"):
                digest = self._recorded(key, self._head(key).get("ChecksumSHA256", ""))
            with narrowed(f"copying {key} to {self._cache}"):
                if not path.is_file() or file_sha256(path) != digest.hex():
                    self._copy(key, path, digest)
            self._copied.add(key)
        return path

    def _retention(self, key: str) -> Retention:
        with self._narrowed(f"reading the retention of {key}"):
            held = self._head(key)
            return Retention(_locked_until(held), legal_hold=held.get("ObjectLockLegalHoldStatus") == "ON")

    def _retain(self, key: str, until: datetime | None, legal_hold: bool | None) -> None:
        now = self._retention(key)
        if until and now.until and until < now.until:
            raise StoreError(
                f"{key} is retained until {now.until.isoformat()}: {until.isoformat()} would shorten that",
                next_step="Ask for a later time; retention is only ever extended.",
            )
        with self._narrowed(f"retaining {key}"):
            if until and until != now.until:
                self._lock(key, until)
            if legal_hold is not None and legal_hold != now.legal_hold:
                self._s3.put_object_legal_hold(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    LegalHold={"Status": "ON" if legal_hold else "OFF"},
                )

    def _put_new(
        self, key: str, data: bytes | BinaryIO, digest: bytes, until: datetime | None, *, patience: int = _RACES
    ) -> bool:
        """Put unless there is something; False if there is."""
        lock: Any = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until} if until else {}
        try:
            answer = self._s3.put_object(
                Bucket=self._bucket,
                Key=self._prefix + key,
                Body=data,
                IfNoneMatch="*",
                ChecksumSHA256=base64.b64encode(digest).decode(),
                **lock,
            )
        except ClientError as error:
            if code_of(error) == "PreconditionFailed":
                return False
            if code_of(error) != "ConditionalRequestConflict" or not patience:
                raise
            time.sleep(0.1 * 2 ** (_RACES - patience))
            if not isinstance(data, bytes):
                data.seek(0)
            return self._put_new(key, data, digest, until, patience=patience - 1)
        self._recorded(key, answer.get("ChecksumSHA256", ""))
        return True

    def _copy(self, key: str, path: Path, digest: bytes) -> None:
        """Give a whole copy its name, piece by piece; it need not survive a power cut: it is checked before its use."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary, found = path.with_name(f"{uuid.uuid4().hex}~"), hashlib.sha256()
        try:
            with self._narrowed(f"reading {key}"), temporary.open("wb") as file:
                body = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + key, ChecksumMode="ENABLED")["Body"]
                for block in body.iter_chunks(_BLOCK):
                    found.update(block)
                    file.write(block)
            if found.digest() != digest:
                raise self._altered(f"reading {key}", "another SHA-256 is recorded")
            temporary.chmod(0o444)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _head(self, key: str) -> HeadObjectOutputTypeDef:
        return self._s3.head_object(Bucket=self._bucket, Key=self._prefix + key, ChecksumMode="ENABLED")

    def _recorded(self, key: str, checksum: str) -> bytes:
        """The digest that was stored with the object; one with a part count is not of the whole bytes."""
        if not checksum or "-" in checksum:
            raise IntegrityError(
                f"{key} in {self.url} carries no SHA-256: this store did not write it so",
                next_step="Somebody replaced the object: `aws s3api list-object-versions` shows older versions.",
            )
        return base64.b64decode(checksum)

    def _lock(self, key: str, until: datetime) -> None:
        self._s3.put_object_retention(
            Bucket=self._bucket,
            Key=self._prefix + key,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
        )

    def _require_lock(self) -> None:
        if self._bucket_is_fit:
            return
        versioning = self._s3.get_bucket_versioning(Bucket=self._bucket).get("Status", "off")
        try:
            answer = self._s3.get_object_lock_configuration(Bucket=self._bucket)
            lock = answer["ObjectLockConfiguration"].get("ObjectLockEnabled", "off")
        except ClientError as error:
            if code_of(error) != "ObjectLockConfigurationNotFoundError":
                raise
            lock = "off"
        if (versioning, lock) != ("Enabled", "Enabled"):
            raise StoreError(
                f"bucket {self._bucket} cannot lock objects: versioning {versioning}, Object Lock {lock}; "
                "both must be Enabled",
                next_step="Make a new bucket with `aws s3api create-bucket --object-lock-enabled-for-bucket …` "
                "and name it in `store`.",
            )
        self._bucket_is_fit = True

    def _altered(self, doing: str, how: str) -> IntegrityError:
        return IntegrityError(
            f"{doing} in {self.url}: the bytes are not those that were stored ({how})",
            next_step="The bucket was altered below S3: compare it with a copy.",
        )

    @contextmanager
    def _narrowed(self, doing: str) -> Iterator[None]:
        try:
            yield
        except FlexibleChecksumError as error:
            raise self._altered(doing, str(error)) from error
        except FOREIGN as error:
            raise translated(error, f"{doing} in {self.url}") from error


def _locked_until(held: HeadObjectOutputTypeDef) -> datetime | None:
    until = cast("datetime | None", held.get("ObjectLockRetainUntilDate"))  # the stubs call it always present
    return until.astimezone(UTC) if until else None
