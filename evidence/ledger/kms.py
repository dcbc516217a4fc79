"""Keys inside AWS KMS: they sign there and cannot be exported.

- `ECC_NIST_EDWARDS25519`, for the log or a witness, with `ED25519_SHA_512` over the message itself: plain Ed25519, as
  signed notes need it (`ED25519_PH_SHA_512` is another scheme). `ECC_NIST_P256` and `RSA_3072` sign packs.
- A message goes to KMS as it is (`RAW`), of at most 4,096 bytes: checkpoints and signed attributes are smaller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from evidence.errors import ConfigError, SourceRejected, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ALGORITHMS: Mapping[str, str] = {
    "ECC_NIST_EDWARDS25519": "ED25519_SHA_512",
    "ECC_NIST_P256": "ECDSA_SHA_256",
    "RSA_3072": "RSASSA_PKCS1_V1_5_SHA_256",
}
LOG_SPECS = ("ECC_NIST_EDWARDS25519",)
DOCUMENT_SPECS = ("ECC_NIST_P256", "RSA_3072")
_LARGEST = 4096  # bytes of a RAW message
_SERVER_FAULT = 500


@dataclass(frozen=True, slots=True)
class KmsKey:
    """One KMS key; open it with `KmsKey.open`.

    Attributes:
        key: its id, ARN or alias.
        spec: its KMS key spec.
        public_key: its SubjectPublicKeyInfo (DER).
    """

    key: str
    spec: str
    public_key: bytes
    _client: Any = field(repr=False)

    @classmethod
    def open(cls, key: str, client: Any, *, specs: tuple[str, ...]) -> KmsKey:
        """Read the public key of `key`; `ConfigError` if it is of none of `specs`."""
        public = bytes(_asked(lambda: client.get_public_key(KeyId=key))["PublicKey"])
        spec = _spec(public)
        if spec not in specs:
            raise ConfigError(f"KMS key {key} is {spec}; valid: {', '.join(specs)}")
        return cls(key, spec, public, client)

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`, made in KMS."""
        if len(message) > _LARGEST:
            raise ConfigError(f"a message of {len(message):,} bytes; KMS signs at most {_LARGEST:,}")
        answer = _asked(
            lambda: self._client.sign(
                KeyId=self.key, Message=message, MessageType="RAW", SigningAlgorithm=_ALGORITHMS[self.spec]
            )
        )
        return bytes(answer["Signature"])


@dataclass(frozen=True, slots=True)
class KmsSigner:
    """An Ed25519 KMS key under the name that it signs notes by."""

    name: str
    public_key: bytes
    _key: KmsKey

    @classmethod
    def open(cls, name: str, key: str, client: Any) -> KmsSigner:
        """Read the public key; errors as `KmsKey.open`."""
        opened = KmsKey.open(key, client, specs=LOG_SPECS)
        public = load_der_public_key(opened.public_key)
        if not isinstance(public, Ed25519PublicKey):
            raise ConfigError(f"KMS key {key} has no Ed25519 public key")
        return cls(name, public.public_bytes_raw(), opened)

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`, made in KMS."""
        return self._key.sign(message)


def _spec(spki: bytes) -> str:
    """The KMS key spec of a public key, as far as it is one of ours."""
    public = load_der_public_key(spki)
    if isinstance(public, Ed25519PublicKey):
        return "ECC_NIST_EDWARDS25519"
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == "secp256r1":
        return "ECC_NIST_P256"
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA_{public.key_size}"
    return "of another kind"


def _asked(call: Callable[[], Any]) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - 0.2 s that whoever uses no KMS need not pay

    try:
        return call()
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind = SourceUnavailable if status >= _SERVER_FAULT else SourceRejected
        raise kind(f"KMS: {error}", next_step="Look at the key's policy and its state.") from error
    except BotoCoreError as error:
        raise SourceUnavailable(f"KMS: {error}", next_step="Look at region and credentials, then try again.") from error
