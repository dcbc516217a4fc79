"""An Ed25519 key inside OpenBao or Vault transit: it signs there and cannot be exported.

- Transit's Ed25519 signs the message itself (not a hash of it), which is what signed notes need.
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

from evidence.errors import ConfigError, SourceRejected, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT = 10.0  # seconds
_SERVER_FAULT = 500


@dataclass(frozen=True, slots=True)
class TransitSigner:
    """Version `version` of the transit key `key`; open it with `TransitSigner.open`."""

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
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"transit {url!r} is not an http or https URL")
        found = _call(f"{url.rstrip('/')}/keys/{urllib.parse.quote(key, safe='')}", token, None)
        if found.get("type") != "ed25519":
            raise ConfigError(f"transit key {key} is of type {found.get('type')!r}, valid: 'ed25519'")
        chosen = int(found["latest_version"]) if version is None else version
        entry = found["keys"].get(str(chosen))
        if entry is None:
            raise ConfigError(f"transit key {key} has versions {', '.join(found['keys'])}; asked for {chosen}")
        return cls(name, base64.b64decode(entry["public_key"]), url.rstrip("/"), key, chosen, token)

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`, made in the vault."""
        body = {"input": base64.b64encode(message).decode(), "key_version": self.version}
        found = _call(f"{self.url}/sign/{urllib.parse.quote(self.key, safe='')}", self._token, body)
        _, version, signature = str(found["signature"]).split(":")
        if version != f"v{self.version}":
            raise SourceRejected(f"transit key {self.key} signed with {version}, asked for v{self.version}")
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
