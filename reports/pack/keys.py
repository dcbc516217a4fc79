"""Keys that sign packs, and the trust file that auditors check them with.

- The default key is a file: PKCS#12, P-256, mode 0600, and its subject says "software key", because whoever can read
  the file can sign. It is meant for trying out and for small installations.
- The trust file names its certificate itself. It is issued by a root made for it alone, whose private key is forgotten
  at once, because pdfsig and openssl trust a leaf below a root (`ROOT_FILE`) where they refuse a self-signed leaf.
- The passphrase is random and lies in a 0600 file of its own, so that a copy of the PKCS#12 file alone (a backup,
  a mail) discloses nothing. A caller that keeps the passphrase elsewhere passes it and none is written.
- Nothing is overwritten: replacing a key is a decision (rotation), not a side effect.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from pyhanko.sign import SimpleSigner

from evidence.errors import ConfigError
from evidence.verify.trust import Trust, TrustedCertificate, parse_trust

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from evidence.verify.trust import Revoked

KEY_FILE = "pack-signing.p12"
PASSPHRASE_FILE = "pack-signing.passphrase"  # noqa: S105 - a file name
ROOT_FILE = "pack-signing-root.pem"

VALID_YEARS = 10  # eight years of retention and a margin: without a timestamp a pack verifies only this long

_DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
_OWNER_ONLY = 0o600
_LONGEST_NAME = 64  # RFC 5280 ub-common-name


@dataclass(frozen=True, slots=True)
class PackSigner:
    """A key that can sign packs.

    Attributes:
        signer: what pyHanko signs with: a file's key here, an HSM's or a KMS's elsewhere.
        subject: the certificate's subject as people read it, for the cover and the verification page.
        trusted_pem: the certificate that the auditor is handed to trust: a software key's own, a company CA's root.
    """

    signer: Any
    subject: str
    trusted_pem: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the trusted certificate (DER) in lower-case hexadecimal: what is read out over the telephone."""
        return TrustedCertificate.from_pem(self.trusted_pem).sha256


def make_software_key(
    folder: Path, *, common_name: str, now: datetime, years: int = VALID_YEARS, passphrase: bytes | None = None
) -> PackSigner:
    """Make a P-256 key in `folder`, valid from `now` for `years` (of 365 days).

    Raises:
        ConfigError: `folder` holds a key already, or cannot be written.
    """
    name = f"{common_name} (software key)"
    if len(name) > _LONGEST_NAME:
        raise ConfigError(f"the key's name {name!r} is longer than the 64 characters that X.509 allows")
    key = ec.generate_private_key(ec.SECP256R1())
    leaf, root = issue(key.public_key(), name, now, years)
    secret = passphrase or secrets.token_urlsafe(32).encode()
    archive = pkcs12.serialize_key_and_certificates(
        name.encode(), key, leaf, [root], serialization.BestAvailableEncryption(secret)
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _create(folder / KEY_FILE, archive)
        if passphrase is None:
            _create(folder / PASSPHRASE_FILE, secret)
        _create(folder / ROOT_FILE, root.public_bytes(serialization.Encoding.PEM))
    except FileExistsError as error:
        raise ConfigError(
            f"a signing key is there already: {error.filename}",
            next_step="Keep using it, or move the old files away to make a new one (old packs need its certificate).",
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot write the signing key to {folder}: {error.strerror}") from error
    return load_signer(folder, passphrase=passphrase)


def load_signer(folder: Path, *, passphrase: bytes | None = None) -> PackSigner:
    """The signer that `make_software_key` left in `folder`; the passphrase from its file unless given.

    Raises:
        ConfigError: the key is absent, unreadable, readable by others, or the passphrase does not open it.
    """
    path = folder / KEY_FILE
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"the signing key {path} can be read by other users", next_step=f"Run: chmod 600 {path}")
        archive = path.read_bytes()
        secret = passphrase or (folder / PASSPHRASE_FILE).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read the signing key: {error.filename}: {error.strerror}",
            next_step="Make one with `evidence init`, or name the folder that holds it in evidence.yaml.",
        ) from error
    try:
        _, leaf, _ = pkcs12.load_key_and_certificates(archive, secret)
        signer = SimpleSigner.load_pkcs12_data(archive, other_certs=(), passphrase=secret)
    except ValueError as error:
        raise ConfigError(
            f"the signing key {path} does not open: wrong passphrase or no PKCS#12 file",
            next_step=f"Put the key's own passphrase into {folder / PASSPHRASE_FILE}.",
        ) from error
    if leaf is None:
        raise ConfigError(f"the signing key {path} holds no certificate")
    return PackSigner(signer, leaf.subject.rfc4514_string(), leaf.public_bytes(serialization.Encoding.PEM).decode())


def write_trust(
    path: Path,
    *,
    signers: Iterable[str],
    timestamp_roots: Iterable[str] = (),
    log_vkeys: Iterable[str] = (),
    witness_vkeys: Iterable[str] = (),
    witness_quorum: int = 0,
    revoked: Iterable[Revoked] = (),
) -> Trust:
    """Write the auditor's trust file; certificates are PEM texts, vkeys are C2SP signed-note verifier keys.

    The file is public and goes to the auditor by another way than the packs do.
    """
    trust = Trust(
        signers=tuple(TrustedCertificate.from_pem(pem) for pem in signers),
        timestamp_roots=tuple(TrustedCertificate.from_pem(pem) for pem in timestamp_roots),
        log_vkeys=tuple(log_vkeys),
        witness_vkeys=tuple(witness_vkeys),
        witness_quorum=witness_quorum,
        revoked=tuple(revoked),
    )
    text = trust.to_json()
    parse_trust(text.encode())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return trust


def issue(
    key: CertificatePublicKeyTypes, name: str, start: datetime, years: int
) -> tuple[x509.Certificate, x509.Certificate]:
    """The certificate of a pack's key, and the root that issued it; the root's own key is not kept."""
    root_key, end = ec.generate_private_key(ec.SECP256R1()), start + timedelta(days=365 * years)
    issuer = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Root of one software key"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, secrets.token_hex(8)),  # two roots never share a name
        ]
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    root = (
        _builder(issuer, issuer, root_key.public_key(), start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, _DOCUMENT_SIGNING])
    leaf = (
        _builder(subject, issuer, key, start, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True, content_commitment=True), critical=True)
        .add_extension(purposes, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return leaf, root


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(**granted: bool) -> x509.KeyUsage:
    """The key usage that grants exactly `granted`; content_commitment is what older texts call nonRepudiation."""
    return x509.KeyUsage(**dict.fromkeys(_USAGES, False) | granted)


def _create(path: Path, data: bytes) -> None:
    """Write a new file that only its owner reads; never over an old one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
