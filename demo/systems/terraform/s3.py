"""S3's answers: XML listings with paging, objects by version, and its errors."""

from __future__ import annotations

from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.sax.saxutils import escape

from demo.systems import Response
from demo.systems.stable import digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from demo.systems import Request
    from demo.systems.terraform.bucket import Bucket, Version

_MOST = 1000
_XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_OWNER = "<Owner><ID>4f1d0d5a8f4c0b9d53</ID><DisplayName>terraform-pipeline</DisplayName></Owner>"
_STORAGE = "<StorageClass>STANDARD</StorageClass>"


def refusal(bucket: Bucket, request: Request) -> Response | None:
    """Why the request is not answered at all, or None."""
    if "authorization" not in request.headers and "X-Amz-Signature" not in request.query:
        return _error(request, HTTPStatus.FORBIDDEN, "AccessDenied", "Access Denied")
    if request.params["bucket"] != bucket.name:
        return _error(request, HTTPStatus.NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist")
    return None


def bucket_answer(bucket: Bucket, request: Request) -> Response:
    """What a request of the bucket asks for, by its query."""
    query = request.query
    if "location" in query:
        return _xml(request, f"<LocationConstraint {_XMLNS}/>")
    if "versioning" in query:
        return _xml(request, f"<VersioningConfiguration {_XMLNS}><Status>Enabled</Status></VersioningConfiguration>")
    if not query.get("max-keys", "1").isdigit():
        return _error(request, HTTPStatus.BAD_REQUEST, "InvalidArgument", "max-keys must be a number")
    return _versions(bucket, request) if "versions" in query else _objects(bucket, request)


def object_answer(bucket: Bucket, request: Request) -> Response:
    """An object's latest or named version."""
    asked = request.query.get("versionId")
    found = bucket.find(request.params["key"], asked, request.now)
    if found is None:
        code = "NoSuchVersion" if asked else "NoSuchKey"
        return _error(request, HTTPStatus.NOT_FOUND, code, f"The specified {code[6:].lower()} does not exist.")
    about = {"x-amz-version-id": found.version_id, "x-amz-request-id": _request_id(request)}
    if found.body is None:
        marker = {"x-amz-delete-marker": "true"}
        status, code = (
            (HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed") if asked else (HTTPStatus.NOT_FOUND, "NoSuchKey")
        )
        return _error(request, status, code, "The object is a delete marker.", about | marker)
    about |= {
        "ETag": found.etag,
        "Last-Modified": format_datetime(found.at.astimezone(UTC), usegmt=True),
        "Accept-Ranges": "bytes",
        "x-amz-server-side-encryption": "AES256",
    }
    return Response(200, found.body, about, "application/json")


# -- listings -----------------------------------------------------------------------------------------------------


def _versions(bucket: Bucket, request: Request) -> Response:
    query = request.query
    key_marker, version_marker = query.get("key-marker", ""), query.get("version-id-marker", "")
    shown = bucket.versions(request.now, query.get("prefix", ""))
    start = next((n for n, (v, _) in enumerate(shown) if v.key > key_marker), len(shown)) if key_marker else 0
    if version_marker:
        named = (n + 1 for n, (v, _) in enumerate(shown) if (v.key, v.version_id) == (key_marker, version_marker))
        start = next(named, start)
    most = _limit(query)
    page = shown[start : start + most]
    more = start + most < len(shown)
    parts = [
        f"<Name>{bucket.name}</Name><Prefix>{_text(request, query.get('prefix', ''))}</Prefix>",
        f"<KeyMarker>{_text(request, key_marker)}</KeyMarker>",
        f"<VersionIdMarker>{escape(version_marker)}</VersionIdMarker><MaxKeys>{most}</MaxKeys>",
        _encoding(request),
        f"<IsTruncated>{str(more).lower()}</IsTruncated>",
    ]
    if more and page:
        last = page[-1][0]
        parts.append(f"<NextKeyMarker>{_text(request, last.key)}</NextKeyMarker>")
        parts.append(f"<NextVersionIdMarker>{last.version_id}</NextVersionIdMarker>")
    parts += [_version(request, v, latest=latest) for v, latest in page]
    return _xml(request, f"<ListVersionsResult {_XMLNS}>{''.join(parts)}</ListVersionsResult>")


def _version(request: Request, version: Version, *, latest: bool) -> str:
    head = (
        f"<Key>{_text(request, version.key)}</Key><VersionId>{version.version_id}</VersionId>"
        f"<IsLatest>{str(latest).lower()}</IsLatest><LastModified>{_time(version.at)}</LastModified>"
    )
    if version.body is None:
        return f"<DeleteMarker>{head}{_OWNER}</DeleteMarker>"
    size = f"<ETag>{escape(version.etag)}</ETag><Size>{len(version.body)}</Size>"
    return f"<Version>{head}{size}{_OWNER}{_STORAGE}</Version>"


def _objects(bucket: Bucket, request: Request) -> Response:
    query = request.query
    shown = [v for v, latest in bucket.versions(request.now, query.get("prefix", "")) if latest and v.body is not None]
    after = query.get("continuation-token") or query.get("start-after", "")
    shown = [v for v in shown if v.key > after]
    most = _limit(query)
    page = shown[:most]
    parts = [
        f"<Name>{bucket.name}</Name><Prefix>{_text(request, query.get('prefix', ''))}</Prefix>",
        f"<KeyCount>{len(page)}</KeyCount><MaxKeys>{most}</MaxKeys>{_encoding(request)}",
        f"<IsTruncated>{str(len(shown) > most).lower()}</IsTruncated>",
    ]
    if len(shown) > most and page:
        parts.append(f"<NextContinuationToken>{escape(page[-1].key)}</NextContinuationToken>")
    parts += [
        f"<Contents><Key>{_text(request, v.key)}</Key><LastModified>{_time(v.at)}</LastModified>"
        f"<ETag>{escape(v.etag)}</ETag><Size>{len(v.body or b'')}</Size>{_STORAGE}</Contents>"
        for v in page
    ]
    return _xml(request, f"<ListBucketResult {_XMLNS}>{''.join(parts)}</ListBucketResult>")


def _limit(query: Mapping[str, str]) -> int:
    return min(int(query.get("max-keys", _MOST)), _MOST)


def _encoding(request: Request) -> str:
    return "<EncodingType>url</EncodingType>" if request.query.get("encoding-type") == "url" else ""


def _text(request: Request, text: str) -> str:
    return quote(text, safe="/") if request.query.get("encoding-type") == "url" else escape(text)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


# -- answers ------------------------------------------------------------------------------------------------------


def _request_id(request: Request) -> str:
    return digest(request.path, sorted(request.query.items()), request.now).hex()[:16].upper()


def _xml(request: Request, body: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()
    about = headers or {"x-amz-request-id": _request_id(request)}
    return Response(status, text, about, "application/xml")


def _error(
    request: Request, status: HTTPStatus, code: str, message: str, headers: dict[str, str] | None = None
) -> Response:
    body = (
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message><Resource>{escape(request.path)}</Resource>"
        f"<RequestId>{_request_id(request)}</RequestId></Error>"
    )
    return _xml(request, body, status, headers)
