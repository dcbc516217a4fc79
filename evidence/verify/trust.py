"""What the auditor trusts: certificates and log keys that came by another way than the packs.

- Keys inside a pack are hints only; a verdict about who signed rests on this file alone.
- Each certificate's fingerprint stands beside it and must agree, so that it can be read out over the telephone.
- `revocation_freshness_days` is a decision of the auditor: how old the revocation data that a pack embeds may be.
  A pack is verified offline years later, when its CRLs have lapsed; they prove the state at the time of signing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from evidence.verify import strict_json
from evidence.verify.formats.cosignature import WitnessKey
from evidence.verify.formats.errors import FormatError
from evidence.verify.formats.notes import Ed25519Key
from evidence.verify.formats.policy import NONE, Group, Policy

FORMAT = "evidence-trust/1"
DEFAULT_FRESHNESS_DAYS = 3650

_MEMBERS = frozenset(
    {
        "format",
        "signers",
        "timestamp_roots",
        "log_vkeys",
        "witness_vkeys",
        "witness_quorum",
        "revocation_freshness_days",
    }
)
_OPTIONAL = frozenset({"revoked"})


@dataclass(frozen=True, slots=True)
class TrustedCertificate:
    """One certificate as PEM, with the SHA-256 of its DER form in lower-case hexadecimal."""

    pem: str
    sha256: str

    @classmethod
    def from_pem(cls, pem: str) -> TrustedCertificate:
        """The certificate with its computed fingerprint; `FormatError` if the text is no single PEM certificate."""
        return cls(pem, hashlib.sha256(_der(pem)).hexdigest())

    @property
    def der(self) -> bytes:
        """The certificate's DER bytes."""
        return _der(self.pem)


@dataclass(frozen=True, slots=True)
class Revoked:
    """A key that counts no more: its vkey or its certificate's SHA-256, since when, and why."""

    key: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may sign packs, who may timestamp them, and whose log and witness signatures count.

    Attributes:
        signers: certificates (or their roots) that may sign packs.
        timestamp_roots: roots of timestamp authorities.
        log_vkeys: verifier keys of the evidence log, newest last.
        witness_vkeys: verifier keys of the log's witnesses.
        witness_quorum: how many of them must have cosigned a checkpoint.
        revocation_freshness_days: how old embedded revocation data may be at verification.
        revoked: keys that count only for what is proven to be older.
    """

    signers: tuple[TrustedCertificate, ...] = ()
    timestamp_roots: tuple[TrustedCertificate, ...] = ()
    log_vkeys: tuple[str, ...] = ()
    witness_vkeys: tuple[str, ...] = ()
    witness_quorum: int = 0
    revocation_freshness_days: int = DEFAULT_FRESHNESS_DAYS
    revoked: tuple[Revoked, ...] = ()

    def policy(self, *, with_witnesses: bool) -> Policy:
        """The C2SP policy that these log keys and witnesses make; without witnesses it asks for no quorum.

        Raises:
            FormatError: a vkey is malformed.
        """
        logs = tuple(Ed25519Key.parse(vkey) for vkey in self.log_vkeys)
        witnesses = {key.name: key for key in map(WitnessKey.parse, self.witness_vkeys)}
        if len({key.public_key for key in witnesses.values()}) != len(self.witness_vkeys):
            raise FormatError("the trust file names a witness twice: each key may count once")
        if not with_witnesses or not self.witness_quorum:
            return Policy(logs, witnesses, {}, NONE)
        return Policy(logs, witnesses, {"quorum": Group(self.witness_quorum, tuple(witnesses))}, "quorum")

    def to_json(self) -> str:
        """The trust file's text, indented for people."""
        value = {
            "format": FORMAT,
            "signers": [{"pem": one.pem, "sha256": one.sha256} for one in self.signers],
            "timestamp_roots": [{"pem": one.pem, "sha256": one.sha256} for one in self.timestamp_roots],
            "log_vkeys": list(self.log_vkeys),
            "witness_vkeys": list(self.witness_vkeys),
            "witness_quorum": self.witness_quorum,
            "revocation_freshness_days": self.revocation_freshness_days,
            "revoked": [{"key": r.key, "since": r.since.isoformat(), "reason": r.reason} for r in self.revoked],
        }
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def parse_trust(data: bytes) -> Trust:
    """The trust that a trust file states.

    Raises:
        FormatError: it is no trust file, trusts no signer, or a fingerprint contradicts its certificate.
    """
    value = strict_json.members(strict_json.parse(data, "the trust file"), "the trust file", _MEMBERS, _OPTIONAL)
    if value["format"] != FORMAT:
        raise FormatError(f"the trust file has format {value['format']!r}, this verifier reads {FORMAT!r}")
    trust = Trust(
        signers=tuple(_trusted(entry) for entry in _list(value, "signers")),
        timestamp_roots=tuple(_trusted(entry) for entry in _list(value, "timestamp_roots")),
        log_vkeys=tuple(_text(entry, "log_vkeys") for entry in _list(value, "log_vkeys")),
        witness_vkeys=tuple(_text(entry, "witness_vkeys") for entry in _list(value, "witness_vkeys")),
        witness_quorum=_count(value, "witness_quorum"),
        revocation_freshness_days=_count(value, "revocation_freshness_days"),
        revoked=tuple(_revoked(entry) for entry in _list(value, "revoked")) if "revoked" in value else (),
    )
    trust.policy(with_witnesses=True)
    if not trust.signers:
        raise FormatError("the trust file names no signers, so that no pack could be trusted")
    if trust.witness_quorum > len(trust.witness_vkeys):
        raise FormatError(
            f"the trust file asks for {trust.witness_quorum} witnesses and names {len(trust.witness_vkeys)}"
        )
    return trust


def _trusted(entry: Any) -> TrustedCertificate:
    value = strict_json.members(entry, "a certificate in the trust file", frozenset({"pem", "sha256"}))
    certificate = TrustedCertificate.from_pem(_text(value["pem"], "pem"))
    if certificate.sha256 != value["sha256"]:
        raise FormatError(
            f"the trust file gives fingerprint {value['sha256']} for a certificate that has {certificate.sha256}"
        )
    return certificate


def _revoked(entry: Any) -> Revoked:
    value = strict_json.members(entry, "a revoked key in the trust file", frozenset({"key", "since", "reason"}))
    try:
        since = datetime.fromisoformat(_text(value["since"], "revoked"))
    except ValueError as error:
        raise FormatError(f"the trust file revokes a key since {value['since']!r}, which is no time") from error
    if since.tzinfo is None:
        raise FormatError(f"the trust file revokes a key since {value['since']!r}, which has no time zone")
    return Revoked(_text(value["key"], "revoked"), since, _text(value["reason"], "revoked"))


def _der(pem: str) -> bytes:
    if pem.count("-----BEGIN CERTIFICATE-----") != 1:
        raise FormatError("a certificate in the trust file is not one PEM certificate")
    try:
        return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    except ValueError as error:
        raise FormatError(f"a certificate in the trust file cannot be read: {error}") from error


def _list(value: dict[str, Any], name: str) -> list[Any]:
    entries: Any = value[name]
    if not isinstance(entries, list):
        raise FormatError(f"{name} in the trust file is not a list")
    return entries


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise FormatError(f"an entry of {name} in the trust file is not text")
    return value


def _count(value: dict[str, Any], name: str) -> int:
    number = value[name]
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise FormatError(f"{name} in the trust file is not a count")
    return number
