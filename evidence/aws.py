"""Clients of AWS, for the sources, stores and keys that need one.

Credentials come from the environment that is handed in; without any, boto3's own chain is asked. A private endpoint of
S3 is addressed by path, as few of them have a name per bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.config import Config
    from mypy_boto3_s3 import S3Client


def s3_client(environ: Mapping[str, str], *, endpoint: str | None, region: str | None, attempts: int) -> S3Client:
    """A client that tries a request `attempts` times in all; nothing is asked yet."""
    from botocore.config import Config  # noqa: PLC0415 - 0.2 s that whoever uses no AWS need not pay

    config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": attempts},
        s3={} if endpoint is None else {"addressing_style": "path"},
    )
    return cast("S3Client", _client("s3", environ, endpoint=endpoint, region=region, config=config))


def kms_client(environ: Mapping[str, str], *, endpoint: str | None, region: str | None) -> Any:
    """A client of KMS with boto3's own patience; nothing is asked yet."""
    return _client("kms", environ, endpoint=endpoint, region=region)


def _client(
    service: str, environ: Mapping[str, str], *, endpoint: str | None, region: str | None, config: Config | None = None
) -> Any:
    import boto3  # noqa: PLC0415 - as above

    create: Any = boto3.client  # its stubs know services by their literal names alone
    return create(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environ.get("AWS_SESSION_TOKEN"),
        config=config,
    )
