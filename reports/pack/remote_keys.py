"""Packs signed by a key that never leaves its service (KMS, transit).

- Its certificate lies in the folder of keys: the leaf, then what issued it, the root last. A company's own CA can issue
  it; where nobody did, `issue_certificate` makes one below a root of its own, whose key is forgotten.
- The certificate must be that of the key: another one would make packs that nobody can verify.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

from evidence.errors import ConfigError
from reports.pack.keys import PackSigner, issue

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from evidence.ledger.key_sources import DocumentKey

CERTIFICATE_FILE = "pack-signing.pem"
_LONGEST_SIGNATURE = 512  # bytes reserved: RSA-3072 takes 384, P-256 at most 72


class RemoteSigner(Signer):  # type: ignore[misc]  # pyHanko is not typed for us
    """pyHanko's signer over a `DocumentKey`."""

    def __init__(self, key: DocumentKey, leaf: asn1_x509.Certificate, chain: list[asn1_x509.Certificate]) -> None:
        store = SimpleCertificateStore()
        store.register_multiple([leaf, *chain])
        super().__init__(signing_cert=leaf, cert_registry=store)
        self._key = key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: D102 - pyHanko's
        if digest_algorithm != "sha256":
            raise ConfigError(f"a pack is signed over SHA-256, asked for {digest_algorithm}")
        return bytes(_LONGEST_SIGNATURE) if dry_run else await asyncio.to_thread(self._key.sign, data)


def load_remote_signer(folder: Path, key: DocumentKey) -> PackSigner:
    """The signer with the certificate in `folder`; `ConfigError` if it is absent, unreadable or another key's."""
    path = folder / CERTIFICATE_FILE
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot read the certificate of the pack's key: {path}: {error}",
            next_step="Put leaf and issuers there as PEM, the root last; or let `evidence init` make them.",
        ) from error
    certified = found[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certified != key.public_key:
        raise ConfigError(
            f"{path} certifies another key than the one that is configured",
            next_step="Put the certificate of the configured key there, or name the key that it certifies.",
        )
    chain = [asn1_x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in found]
    trusted = found[-1].public_bytes(Encoding.PEM).decode()
    return PackSigner(RemoteSigner(key, chain[0], chain[1:]), found[0].subject.rfc4514_string(), trusted)


def issue_certificate(folder: Path, key: DocumentKey, *, common_name: str, now: datetime, years: int) -> None:
    """Certify `key` in the new file of `folder`; where there is a certificate, it stays."""
    path = folder / CERTIFICATE_FILE
    if path.exists():
        return
    public = load_der_public_key(key.public_key)
    if not isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise ConfigError("a pack's key is P-256 or RSA-3072")
    leaf, root = issue(public, common_name, now, years)
    path.write_bytes(leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM))
