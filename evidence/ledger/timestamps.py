"""Trusted time for checkpoints: an RFC 3161 authority says that a root existed.

- What is stamped is the checkpoint's text (origin, size, root), not its signatures: cosignatures may still join it.
- The answer counts only if it is granted, for that digest and with our nonce; who signed it is the verifier's affair
  (`evidence.verify.anchors`), against roots that the auditor trusts.
- Tokens lie beside the checkpoints, in `ledger/timestamp/<size>/<digest of the token>`.
"""

from __future__ import annotations

import hashlib
import secrets
import urllib.request
from typing import TYPE_CHECKING

from asn1crypto import algos, cms, tsp

from evidence.canonical import sha256
from evidence.errors import SourceRejected, SourceUnavailable
from evidence.ledger.heads import read

if TYPE_CHECKING:
    from datetime import datetime

    from evidence.stores.base import Store

PREFIX = "ledger/timestamp/"
_TIMEOUT = 20.0  # seconds
_LARGEST = 1 << 20  # bytes
_GRANTED = frozenset({"granted", "granted_with_mods"})


def request_timestamp(text: bytes, url: str, *, timeout: float = _TIMEOUT) -> bytes:
    """A timestamp token (CMS, DER) over `text` by the authority at `url`.

    Raises:
        SourceUnavailable: it does not answer.
        SourceRejected: it refuses, or answers something else than was asked.
    """
    if not url.startswith(("http://", "https://")):
        raise SourceRejected(f"the timestamp authority {url!r} is not an http or https URL")
    imprint = tsp.MessageImprint({
        "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
        "hashed_message": hashlib.sha256(text).digest(),
    })  # fmt: skip
    nonce = secrets.randbits(63)
    query = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "nonce": nonce, "cert_req": True}).dump()
    post = urllib.request.Request(  # noqa: S310 - checked above
        url, data=query, headers={"Content-Type": "application/timestamp-query"}, method="POST"
    )
    try:
        with urllib.request.urlopen(post, timeout=timeout) as response:  # noqa: S310 - checked above
            answer = response.read(_LARGEST)
    except OSError as error:
        raise SourceUnavailable(
            f"the timestamp authority {url} does not answer: {error}", next_step="Ask it again later."
        ) from error
    return _token(answer, imprint, nonce, url)


def _token(answer: bytes, imprint: tsp.MessageImprint, nonce: int, url: str) -> bytes:
    try:
        response = tsp.TimeStampResp.load(answer, strict=True)
        status = response["status"]["status"].native
        if status not in _GRANTED:
            raise SourceRejected(f"the timestamp authority {url} answered {status!r}: {response['status'].native}")
        token: cms.ContentInfo = response["time_stamp_token"]
        stated = token["content"]["encap_content_info"]["content"].parsed
        same = stated["message_imprint"].native == imprint.native and stated["nonce"].native == nonce
        data = bytes(token.dump())
    except (ValueError, TypeError, KeyError) as error:
        raise SourceRejected(f"the timestamp authority {url} answered no timestamp: {error}") from error
    if not same:
        raise SourceRejected(f"the timestamp authority {url} stamped something else than it was sent")
    return data


def keep_timestamp(store: Store, note: bytes, token: bytes, retain_until: datetime | None) -> None:
    """Keep `token` beside the checkpoint `note` for ever."""
    store.put(f"{PREFIX}{read(note)[1].size:012d}/{sha256(token)}", token, retain_until=retain_until)


def timestamp_of(store: Store, note: bytes) -> bytes | None:
    """A kept token over exactly the text of the checkpoint `note`; None if there is none."""
    parsed, head = read(note)
    digest = hashlib.sha256(parsed.text).digest()
    for key in store.list(f"{PREFIX}{head.size:012d}/"):
        token = store.get(key)
        if digest in token:  # a hint alone: the verifier reads the token
            return token
    return None
