"""Keys inside OpenBao or Vault transit: they sign there and cannot be exported.

- Ed25519, for the log or a witness, signs the message itself, which is what signed notes need. P-256 and RSA-3072, for
  packs, sign its SHA-256: ECDSA as ASN.1, RSA with PKCS#1 v1.5 padding, as PDF readers expect.
- One version of the key is used, stated at opening: after a rotation in the vault, the log keeps its key until the
  rotation is logged and cross-signed.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from evidence.errors import ConfigError, SourceRejected, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT = 10.0  # seconds
_SERVER_FAULT = 500
_ED25519 = "ed25519"
_DOCUMENT: Mapping[str, Mapping[str, str]] = {
    "ecdsa-p256": {"marshaling_algorithm": "asn1"},
    "rsa-3072": {"signature_algorithm": "pkcs1v15"},
}
"""Types of keys that sign packs, with what a request for a signature says of each."""


@dataclass(frozen=True, slots=True)
class TransitSigner:
    """Version `version` of the transit key `key`, Ed25519; open it with `TransitSigner.open`."""

    name: str
    public_key: bytes
    url: str
    key: str
    version: int
    _token: str = field(repr=False)

    @classmethod
    def open(cls, name: str, url: str, key: str, token: str, *, version: int | None = None) -> TransitSigner:
        """Read the public key of `key` from the transit mount at `url`, such as `https://vault:8200/v1/transit`.

        Args:
            name: the key's name in signatures: the log's origin or the witness's name.
            url: the mount, with its API version.
            key: the key's name in transit.
            token: a token that may read that key and sign with it.
            version: the key's version; the latest if None.
        """
        _, chosen, public = _opened(url, key, token, version, (_ED25519,))
        return cls(name, base64.b64decode(public), url.rstrip("/"), key, chosen, token)

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`, made in the vault."""
        return _sign(self.url, self.key, self.version, self._token, message, {})


@dataclass(frozen=True, slots=True)
class TransitDocumentKey:
    """Version `version` of the transit key `key`, P-256 or RSA-3072; open it with `TransitDocumentKey.open`."""

    public_key: bytes
    kind: str
    url: str
    key: str
    version: int
    _token: str = field(repr=False)

    @classmethod
    def open(cls, url: str, key: str, token: str, *, version: int | None = None) -> TransitDocumentKey:
        """As `TransitSigner.open`; `public_key` is its SubjectPublicKeyInfo (DER)."""
        kind, chosen, public = _opened(url, key, token, version, tuple(_DOCUMENT))
        spki = load_pem_public_key(public.encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(spki, kind, url.rstrip("/"), key, chosen, token)

    def sign(self, message: bytes) -> bytes:
        """The signature of the SHA-256 of `message`, made in the vault."""
        return _sign(self.url, self.key, self.version, self._token, message, _DOCUMENT[self.kind])


def _opened(url: str, key: str, token: str, version: int | None, kinds: tuple[str, ...]) -> tuple[str, int, str]:
    """Type, version and public key of a transit key."""
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"transit {url!r} is not an http or https URL")
    found = _call(f"{url.rstrip('/')}/keys/{urllib.parse.quote(key, safe='')}", token, None)
    kind = str(found.get("type"))
    if kind not in kinds:
        valid = ", ".join(repr(one) for one in kinds)
        raise ConfigError(f"transit key {key} is of type {kind!r}, valid: {valid}")
    chosen = int(found["latest_version"]) if version is None else version
    entry = found["keys"].get(str(chosen))
    if entry is None:
        raise ConfigError(f"transit key {key} has versions {', '.join(found['keys'])}; asked for {chosen}")
    return kind, chosen, str(entry["public_key"])


def _sign(url: str, key: str, version: int, token: str, message: bytes, how: Mapping[str, str]) -> bytes:
    hashed = "/sha2-256" if how else ""
    body = {"input": base64.b64encode(message).decode(), "key_version": version, **how}
    found = _call(f"{url}/sign/{urllib.parse.quote(key, safe='')}{hashed}", token, body)
    _, signed_with, signature = str(found["signature"]).split(":")
    if signed_with != f"v{version}":
        raise SourceRejected(f"transit key {key} signed with {signed_with}, asked for v{version}")
    return base64.b64decode(signature)


def _call(url: str, token: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"X-Vault-Token": token})  # noqa: S310 - checked in open
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310 - checked in open
            return dict(json.load(response)["data"])
    except urllib.error.HTTPError as error:
        with error:
            text = error.read(2000).decode(errors="replace").strip()
        kind = SourceUnavailable if error.code >= _SERVER_FAULT else SourceRejected
        raise kind(
            f"{url}: {error.code} {text}", next_step="Look at the token's policy and the vault's seal."
        ) from error
    except OSError as error:
        raise SourceUnavailable(
            f"{url}: {error}", next_step="The key service does not answer: try again later."
        ) from error
