"""The S3 store against a real server: lost answers, refused requests, deletions and edits behind its back."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from urllib3 import HTTPResponse

from evidence.errors import ConfigError, IntegrityError, StoreError
from evidence.stores.base import StoreUnavailable
from evidence.stores.registry import open_store
from evidence.stores.s3 import S3Store
from tests.evidence.conftest import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from tests.evidence.conftest import Place
    from tests.seaweed import Seaweed

pytestmark = pytest.mark.server
UNTIL = datetime(2033, 6, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries do not sleep in these tests."""
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.fixture
def store(s3_place: Place) -> S3Store:
    """A fresh store in the locked bucket."""
    opened = s3_place.open()
    assert isinstance(opened, S3Store)
    return opened


def on_wire(store: S3Store, operation: str, act: Callable[[Any, int], Any]) -> list[int]:
    """Have `act(request, attempt)` take the place of sending; what it returns is the answer, None sends after all."""
    attempts: list[int] = []

    def before_send(request: Any, **_: Any) -> Any:
        attempts.append(len(attempts) + 1)
        return act(request, attempts[-1])

    store._s3.meta.events.register(f"before-send.s3.{operation}", before_send)
    return attempts


def send(store: S3Store, request: Any) -> Any:
    """Send it for real, and give the answer to nobody but the caller."""
    return store._s3._endpoint.http_session.send(request)  # type: ignore[attr-defined]


def answer(status: int, code: str) -> Callable[[Any, int], Any]:
    """An S3 error in place of the first attempt's answer."""

    class Raw:
        def stream(self) -> list[bytes]:
            return [f"<Error><Code>{code}</Code><Message>told by the test</Message></Error>".encode()]

    return lambda request, attempt: AWSResponse(request.url, status, HTTPHeaders(), Raw()) if attempt == 1 else None


def test_a_put_whose_answer_was_lost_succeeds_when_repeated(store: S3Store) -> None:
    """Persisted, then timed out: the client's own repetition finds its bytes and is content."""

    def lost(request: Any, attempt: int) -> None:
        if attempt == 1:
            assert send(store, request).status_code == 200
            raise ReadTimeoutError(endpoint_url=request.url)

    attempts = on_wire(store, "PutObject", lost)

    store.put("a/b", b"one", retain_until=UNTIL)

    assert attempts == [1, 2]
    assert store.get("a/b") == b"one"
    assert store.retention("a/b").until == UNTIL


def test_a_put_that_never_gets_an_answer_is_safe_to_repeat(store: S3Store, s3_place: Place) -> None:
    """Persisted, every answer lost: StoreUnavailable; a later put of the same bytes is content, of others refused."""

    def lost(request: Any, _: int) -> None:
        send(store, request)
        raise ReadTimeoutError(endpoint_url=request.url)

    attempts = on_wire(store, "PutObject", lost)

    with pytest.raises(StoreUnavailable, match="Read timeout") as caught:
        store.put("a/b", b"one")

    assert len(attempts) == 5
    assert caught.value.retryable
    assert not s3_place.open().put("a/b", b"one")
    with pytest.raises(IntegrityError, match="holds other bytes"):
        s3_place.open().put("a/b", b"two")


def test_a_put_that_never_arrived_leaves_nothing(store: S3Store, s3_place: Place) -> None:
    """No connection: StoreUnavailable, nothing under the key, and the next put is new."""

    def refused(request: Any, _: int) -> None:
        raise ConnectTimeoutError(endpoint_url=request.url)

    on_wire(store, "PutObject", refused)

    with pytest.raises(StoreUnavailable, match="Connect timeout"):
        store.put("a/b", b"one")

    assert not store.exists("a/b")
    assert s3_place.open().put("a/b", b"one")


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "InternalError"), (503, "SlowDown"), (429, "TooManyRequests"), (409, "ConditionalRequestConflict")],
)
def test_a_passing_error_is_tried_again(store: S3Store, status: int, code: str) -> None:
    """Errors that say "later" are repeated until the put is through."""
    attempts = on_wire(store, "PutObject", answer(status, code))

    assert store.put("a/b", b"one")

    assert attempts == [1, 2]


def test_an_endless_race_is_given_up(store: S3Store) -> None:
    """S3 that always says "another conditional write" is unavailable after a few times."""
    once = answer(409, "ConditionalRequestConflict")
    attempts = on_wire(store, "PutObject", lambda request, _: once(request, 1))

    with pytest.raises(StoreUnavailable, match="ConditionalRequestConflict"):
        store.put("a/b", b"one")

    assert len(attempts) == 6


@pytest.mark.parametrize(
    ("status", "code", "step"),
    [
        (403, "AccessDenied", "credentials"),
        (400, "EntityTooLarge", "server's own log"),
        (400, "ExpiredToken", "credent"),
    ],
)
def test_a_refusal_is_not_tried_again(store: S3Store, status: int, code: str, step: str) -> None:
    """Errors that say "no" are told at once, with what to do."""
    attempts = on_wire(store, "PutObject", answer(status, code))

    with pytest.raises(StoreError, match=code) as caught:
        store.put("a/b", b"one")

    assert attempts == [1]
    assert not caught.value.retryable
    assert step in caught.value.next_step


def test_a_refusal_to_look_is_not_an_absence(store: S3Store, s3_place: Place) -> None:
    """Only "not found" means that there is no object; only "no such configuration" means that there is no lock."""
    store.put("a/b", b"one")
    on_wire(store, "HeadObject", answer(403, "AccessDenied"))
    with pytest.raises(StoreError, match=r"looking for a/b .*AccessDenied"):
        store.exists("a/b")

    other = s3_place.open()
    assert isinstance(other, S3Store)
    on_wire(other, "GetObjectLockConfiguration", answer(403, "AccessDenied"))
    with pytest.raises(StoreError, match="AccessDenied"):
        other.check_writable()


def test_bytes_that_change_on_the_way_are_refused_by_the_server(store: S3Store) -> None:
    """The body's SHA-256 travels with it: a body that was altered on the way is not stored."""

    def altered(request: Any, _: int) -> Any:
        request.body = b"eno"
        return send(store, request)

    on_wire(store, "PutObject", altered)

    with pytest.raises(StoreError, match="storing a/b"):
        store.put("a/b", b"one")

    assert not store.exists("a/b")


def test_a_bucket_that_cannot_lock_is_refused(seaweed: Seaweed, s3: S3Client, tmp_path: Path) -> None:
    """Without versioning and Object Lock nothing is stored, and the message says how to make the bucket."""
    s3.create_bucket(Bucket="plain")
    store = open_store(
        f"s3://plain/p?endpoint={seaweed.endpoint}&region=us-east-1", cache=tmp_path, environ=seaweed.environ
    )

    for verb in (store.check_writable, lambda: store.put("a/b", b"one")):
        with pytest.raises(StoreError, match="versioning off, Object Lock off; both must be Enabled") as caught:
            verb()
        assert "--object-lock-enabled-for-bucket" in caught.value.next_step
    assert list(store.list("")) == []


def test_a_missing_bucket_and_wrong_credentials_are_told_apart(seaweed: Seaweed, tmp_path: Path) -> None:
    """Each cause has its own next step; a server that is not there is worth another try."""
    place = f"endpoint={seaweed.endpoint}&region=us-east-1"
    with pytest.raises(StoreError, match="NoSuchBucket") as caught:
        open_store(f"s3://nowhere/p?{place}", cache=tmp_path, environ=seaweed.environ).check_writable()
    assert "Make the bucket" in caught.value.next_step

    wrong = {**seaweed.environ, "AWS_SECRET_ACCESS_KEY": "wrong"}
    with pytest.raises(StoreError, match=r"SignatureDoesNotMatch|AccessDenied") as caught:
        open_store(f"s3://{BUCKET}/p?{place}", cache=tmp_path, environ=wrong).check_writable()
    assert "credentials" in caught.value.next_step

    away = "endpoint=http://127.0.0.1:1&region=us-east-1"
    with pytest.raises(StoreUnavailable, match="Could not connect") as caught:
        open_store(f"s3://{BUCKET}/p?{away}", cache=tmp_path, environ=seaweed.environ).check_writable()
    assert "Check the endpoint" in caught.value.next_step


def test_a_bucket_s_name_that_cannot_be_is_told(seaweed: Seaweed, tmp_path: Path) -> None:
    """What the client refuses to send points to the URL."""
    store = open_store(f"s3://no!bucket/p?endpoint={seaweed.endpoint}", cache=tmp_path, environ=seaweed.environ)

    with pytest.raises(StoreError, match="Invalid bucket name") as caught:
        store.check_writable()

    assert "Correct the `store` URL" in caught.value.next_step


def test_no_credentials_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither the environment nor the machine has any, the message names what to set."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    store = open_store("s3://bucket/p?endpoint=http://127.0.0.1:1&region=us-east-1", cache=tmp_path)

    with pytest.raises(StoreError, match="Unable to locate credentials") as caught:
        store.check_writable()

    assert "AWS_ACCESS_KEY_ID" in caught.value.next_step


def test_a_locked_version_survives_the_delete_of_s3(store: S3Store, s3: S3Client) -> None:
    """A DELETE only hides the object: the version cannot be removed, and a read says where to look."""
    store.put("a/b", b"one", retain_until=UNTIL)
    key = f"{store._prefix}a/b"
    version = s3.head_object(Bucket=BUCKET, Key=key)["VersionId"]

    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version, BypassGovernanceRetention=True)
    s3.delete_object(Bucket=BUCKET, Key=key)

    with pytest.raises(StoreError, match="no object") as caught:
        store.get("a/b")
    assert "list-object-versions" in caught.value.next_step
    assert s3.get_object(Bucket=BUCKET, Key=key, VersionId=version)["Body"].read() == b"one"


def test_a_legal_hold_keeps_a_version_without_retention(store: S3Store, s3: S3Client) -> None:
    """While the hold is on the version cannot be removed; the server itself refuses to shorten a lock."""
    store.put("a/b", b"one")
    store.retain("a/b", legal_hold=True)
    key = f"{store._prefix}a/b"
    version = s3.head_object(Bucket=BUCKET, Key=key)["VersionId"]

    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version)

    store.retain("a/b", until=UNTIL, legal_hold=False)
    shorter: Any = {"Mode": "COMPLIANCE", "RetainUntilDate": UNTIL - timedelta(days=1)}
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object_retention(Bucket=BUCKET, Key=key, Retention=shorter)


def versions(seaweed: Seaweed, store: S3Store, key: str) -> list[str]:
    """The addresses, on the filer's own port, of the stored versions of an object."""
    folder = f"{seaweed.filer}/buckets/{BUCKET}/{store._prefix}{key}.versions/"
    asked = urllib.request.Request(folder, headers={"Accept": "application/json"})
    with urllib.request.urlopen(asked, timeout=5) as found:
        entries = json.load(found)["Entries"]
    return [f"{seaweed.filer}{entry['FullPath']}" for entry in entries]


def test_a_removal_below_s3_is_seen(store: S3Store, s3_place: Place, seaweed: Seaweed) -> None:
    """A locked version that was removed on the server's disk is a missing object, not an empty one."""
    store.put("a/b", b"one", retain_until=UNTIL)
    store.local_path("a/b")
    for address in versions(seaweed, store, "a/b"):
        urllib.request.urlopen(urllib.request.Request(address, method="DELETE"), timeout=5).close()

    with pytest.raises(StoreError, match="a/b"):
        store.get("a/b")
    with pytest.raises(StoreError, match="a/b"):
        s3_place.open().local_path("a/b")


def test_an_edit_below_s3_is_seen(store: S3Store, seaweed: Seaweed) -> None:
    """Bytes that were replaced on the server's disk never come back as if they were those stored."""
    store.put("a/b", b"one" * 1000, retain_until=UNTIL)
    for address in versions(seaweed, store, "a/b"):
        edit = urllib.request.Request(address, data=b"eno" * 1000, method="PUT")
        urllib.request.urlopen(edit, timeout=5).close()

    with pytest.raises(IntegrityError, match="carries no SHA-256"):
        store.get("a/b")
    with pytest.raises(IntegrityError, match="carries no SHA-256"):
        store.local_path("a/b")
    with pytest.raises(IntegrityError, match="carries no SHA-256"):
        store.put("a/b", b"one" * 1000)


def test_a_read_that_does_not_match_its_checksum_is_an_integrity_error(store: S3Store) -> None:
    """If the server's bytes and its checksum part, nobody gets the bytes."""
    store.put("a/b", b"one")

    def altered(request: Any, _: int) -> Any:
        response = send(store, request)
        response.raw = HTTPResponse(body=BytesIO(b"eno"), headers=response.raw.headers, preload_content=False)
        return response

    on_wire(store, "GetObject", altered)

    with pytest.raises(IntegrityError, match="the bytes are not those that were stored"):
        store.get("a/b")


def test_a_read_is_checked_by_the_store_itself(store: S3Store) -> None:
    """The SHA-256 is compared even where the client library was content, for instance with a CRC."""
    store.put("a/b", b"one")

    def altered(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Body"] = BytesIO(b"eno")

    store._s3.meta.events.register("after-call.s3.GetObject", altered)

    with pytest.raises(IntegrityError, match="another SHA-256 is recorded"):
        store.get("a/b")


def test_a_local_copy_is_checked_and_renewed(store: S3Store, s3_place: Place) -> None:
    """A copy that was edited is replaced, and an unchanged one is not fetched again."""
    store.put("a/b", b"one")
    path = store.local_path("a/b")

    fresh = s3_place.open()
    assert isinstance(fresh, S3Store)
    fetched = on_wire(fresh, "GetObject", lambda *_: None)
    assert fresh.local_path("a/b") == path
    assert fetched == []

    path.chmod(0o644)
    path.write_bytes(b"eno")
    assert s3_place.open().local_path("a/b").read_bytes() == b"one"


def test_an_object_that_another_tool_stored_is_not_evidence(store: S3Store, s3: S3Client) -> None:
    """What carries no SHA-256 of its bytes did not come through this store."""
    s3.put_object(Bucket=BUCKET, Key=f"{store._prefix}a/b", Body=b"one")

    with pytest.raises(IntegrityError, match="carries no SHA-256"):
        store.get("a/b")


def test_a_list_of_many_pages_is_whole(store: S3Store) -> None:
    """Every page of a long list is asked for."""
    keys = [f"k/{number}" for number in range(11)]
    for key in keys:
        store.put(key, b"")

    def small(params: dict[str, Any], **_: Any) -> None:
        params["MaxKeys"] = 3

    store._s3.meta.events.register("provide-client-params.s3.ListObjectsV2", small)

    assert list(store.list("k/")) == sorted(keys)


@pytest.mark.parametrize("url", ["s3:", "s3:///p", "s3://key:secret@bucket/p", "s3://bucket/p?zone=x"])
def test_a_wrong_url_is_a_configuration_error(url: str, tmp_path: Path) -> None:
    """A URL without a bucket, with a secret or with an unknown option is refused with the valid form."""
    with pytest.raises(ConfigError, match="is not s3://BUCKET/PREFIX") as caught:
        open_store(url, cache=tmp_path)

    assert "credentials belong in the environment" in caught.value.next_step
