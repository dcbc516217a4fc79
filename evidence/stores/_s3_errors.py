"""What the errors of botocore mean to the reader: wait, fix access, fix the bucket, or look at the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, beside HTTPClientError: no connection was made
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)

from evidence.errors import StoreError
from evidence.stores.base import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

FOREIGN = (BotoCoreError, ClientError)

_ACCESS = "Check the credentials in the environment, and that they may do this."
_LATER = "Run again later: what was not stored is asked for again."
_NEXT_STEPS: Mapping[str, str] = {
    "NoSuchBucket": "Make the bucket with Object Lock enabled, or correct `store` in the configuration.",
    "NoSuchKey": "If a receipt names it, it was removed or hidden by a delete marker: "
    "`aws s3api list-object-versions` shows the locked version.",
    "404": "If a receipt names it, it was removed or hidden by a delete marker: "
    "`aws s3api list-object-versions` shows the locked version.",
    "AccessDenied": _ACCESS,
    "403": _ACCESS,
    "InvalidAccessKeyId": _ACCESS,
    "SignatureDoesNotMatch": _ACCESS,
    "ExpiredToken": _ACCESS,
}
_PASSING = {
    "ConditionalRequestConflict",
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "TooManyRequests",
}


def code_of(error: ClientError) -> str:
    """S3's name of the error, or the status of an answer without a body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def translated(error: BotoCoreError | ClientError, doing: str) -> StoreError:
    """The error as this product tells it."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code_of(error) in _PASSING or status >= 500:  # noqa: PLR2004 - HTTP's server errors
            return StoreUnavailable(f"{doing}: {error}", next_step=_LATER)
        what = f"no object: {error}" if code_of(error) in {"NoSuchKey", "404"} else str(error)
        step = _NEXT_STEPS.get(code_of(error), "Look at the bucket and at the S3 server's own log.")
        return StoreError(f"{doing}: {what}", next_step=step)
    if isinstance(error, (ConnectionError, HTTPClientError, IncompleteReadError)):
        return StoreUnavailable(f"{doing}: {error}", next_step=f"Check the endpoint and the network. {_LATER}")
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return StoreError(f"{doing}: {error}", next_step="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role.")
    return StoreError(f"{doing}: {error}", next_step="Correct the `store` URL in the configuration.")
