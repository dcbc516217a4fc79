"""Terraform's state: one versioned S3 bucket that the pipeline writes, answered as S3 does.

- Point an S3 client with path-style addressing at `<root>`; any credentials will do, but there must be some.
- Answers: GetBucketLocation, GetBucketVersioning, ListObjectVersions, ListObjectsV2, GetObject, HeadObject.
- The bucket is shown as of the clock.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from demo.systems import Route
from demo.systems.terraform import s3
from demo.systems.terraform.bucket import Bucket

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from demo.model import Company
    from demo.systems import Request, Response

_BUCKET = re.compile(r"/(?P<bucket>[^/]+)/?")
_OBJECT = re.compile(r"/(?P<bucket>[^/]+)/(?P<key>.+)")


class TerraformStates:
    """The state bucket as a `System`."""

    name = "terraform"

    def __init__(self, company: Company) -> None:
        self._bucket = Bucket(company)

    def routes(self) -> list[Route]:
        """The bucket's and the objects' requests."""
        return [Route("GET", _BUCKET, self._list), Route("GET", _OBJECT, self._get)]

    def advance(self, now: datetime) -> None:
        """Nothing is written to files."""

    def _list(self, request: Request) -> Response:
        return s3.refusal(self._bucket, request) or s3.bucket_answer(self._bucket, request)

    def _get(self, request: Request) -> Response:
        return s3.refusal(self._bucket, request) or s3.object_answer(self._bucket, request)


def build(company: Company, directory: Path) -> TerraformStates:
    """The state bucket as a system; see `demo.systems`. Nothing is written to `directory`."""
    del directory
    return TerraformStates(company)
