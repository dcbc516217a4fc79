"""Open the keys that a configuration names, wherever they live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evidence.aws import kms_client
from evidence.errors import ConfigError
from evidence.ledger import keys
from evidence.ledger.kms import DOCUMENT_SPECS, KmsKey, KmsSigner
from evidence.ledger.openbao import TransitDocumentKey, TransitSigner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from evidence.settings import KeySource


class DocumentKey(Protocol):
    """A P-256 or RSA-3072 key that never leaves the service it lives in."""

    @property
    def public_key(self) -> bytes:
        """Its SubjectPublicKeyInfo (DER)."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature of the SHA-256 of `message`: ECDSA (DER) or RSA with PKCS#1 v1.5 padding."""
        ...


def open_log_key(source: KeySource, *, file: Path, name: str, environ: Mapping[str, str]) -> keys.Signer:
    """The signer of the log `name`; with driver `file` it is read from `file`.

    Raises:
        ConfigError: there is no such key, or it is of another type.
        SourceUnavailable, SourceRejected: the key service does not answer, or refuses.
    """
    key = source.key or ""
    if source.driver == "transit":
        return TransitSigner.open(name, source.url or "", key, _token(source, environ), version=source.version)
    if source.driver == "kms":
        return KmsSigner.open(name, key, kms_client(environ, region=source.region, endpoint=source.url))
    return keys.load(file)


def open_document_key(source: KeySource, environ: Mapping[str, str]) -> DocumentKey:
    """The key of packs that a service holds; errors as `open_log_key`."""
    key = source.key or ""
    if source.driver == "transit":
        return TransitDocumentKey.open(source.url or "", key, _token(source, environ), version=source.version)
    if source.driver == "kms":
        client = kms_client(environ, region=source.region, endpoint=source.url)
        return KmsKey.open(key, client, specs=DOCUMENT_SPECS)
    raise ConfigError("a key file is opened by reports.pack.keys", next_step="Name the driver transit or kms.")


def _token(source: KeySource, environ: Mapping[str, str]) -> str:
    token = environ.get(source.token_from, "").strip()
    if not token:
        raise ConfigError(
            f"keys: the environment variable {source.token_from} is empty or not set",
            next_step=f"Put the token for {source.url} into {source.token_from}; it is never read from a file.",
        )
    return token
