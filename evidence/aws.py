"""A client of S3, for the sources and stores that speak to it.

Credentials come from the environment that is handed in; without any, boto3's own chain is asked. A private endpoint is
addressed by path, as few of them have a name per bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client


def s3_client(environ: Mapping[str, str], *, endpoint: str | None, region: str | None, attempts: int) -> S3Client:
    """A client that tries a request `attempts` times in all; nothing is asked yet."""
    import boto3  # noqa: PLC0415 - 0.2 s that whoever uses no S3 need not pay
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environ.get("AWS_SESSION_TOKEN"),
        config=Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": attempts},
            s3={} if endpoint is None else {"addressing_style": "path"},
        ),
    )
