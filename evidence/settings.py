"""The parts of `evidence.yaml` (evidence.config): the store, the keys, and what makes the ledger worth trusting."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from evidence.verify.formats.cosignature import WitnessKey
from evidence.verify.formats.errors import FormatError


class Part(BaseModel):
    """Settings that belong together: nothing unknown beside them, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSettings(Part):
    """Where captures are kept, and for how long nobody may remove them."""

    url: str = "file:locker"
    retention_years: int = Field(default=8, ge=0, le=100)


class KeySource(Part):
    """Where one signing key lives.

    Attributes:
        driver: `file` in the folder of keys, `transit` of Vault or OpenBao, AWS `kms`.
        url: of the transit mount, with its API version; of KMS, where it is not Amazon's own.
        key: the key's name in transit; its id, ARN or alias in KMS.
        version: which version of a transit key; it changes only by a rotation that is logged.
        region: of KMS.
        token_from: the environment variable with Vault's token.
    """

    driver: Literal["file", "transit", "kms"] = "file"
    url: str | None = Field(default=None, pattern=r"^https?://")
    key: str | None = None
    version: int | None = Field(default=None, ge=1)
    region: str | None = None
    token_from: str = "VAULT_TOKEN"  # noqa: S105 - the name of a variable

    @model_validator(mode="after")
    def _whole(self) -> KeySource:
        needed = {"file": (), "transit": ("url", "key", "version"), "kms": ("key",)}[self.driver]
        if missing := [name for name in needed if getattr(self, name) is None]:
            raise ValueError(f"with driver {self.driver} needs {', '.join(missing)}")
        return self


class KeySettings(Part):
    """Which keys sign, the ledger (`log`, Ed25519) and packs (`pdf`, P-256 or RSA-3072), and the folder of key files.

    The certificate of the PDF's key is a file in that folder, whatever its driver.
    """

    driver: Literal["file"] = "file"
    folder: str = "keys"
    log: KeySource = KeySource()
    pdf: KeySource = KeySource()


class TimestampSettings(Part):
    """An RFC 3161 authority; without a URL packs and checkpoints are not timestamped, and say so.

    `roots` are files with its root certificates (PEM): `evidence trust` hands them to the auditor.
    """

    url: str | None = None
    roots: tuple[str, ...] = ()


class WitnessSettings(Part):
    """One witness of the ledger: where it answers, and the key that its cosignatures must verify under."""

    url: str = Field(pattern=r"^https?://")
    vkey: str

    @field_validator("vkey")
    @classmethod
    def _of_a_witness(cls, vkey: str) -> str:
        try:
            WitnessKey.parse(vkey)
        except FormatError as error:
            raise ValueError(f"is not the key that `evidence witness` prints: {error}") from error
        return vkey


class ProofSettings(Part):
    """Of what single records can be proven (`evidence prove`): a hash for each record when it is received."""

    collected: bool = True
    imported: bool = False
    without: tuple[str, ...] = ()


class ClockSettings(Part):
    """`simulated`: URL of a simulated company's clock, which then tells when each day is collected."""

    simulated: str | None = None


class RepositoryShape(BaseModel):
    """One repository of the scope; other entries are for whoever asks of them."""

    model_config = ConfigDict(extra="allow")

    id: int | None = None
    service: str | None = None
    protected: list[str] = []
    sox_critical: bool = False
    required_checks: list[str] = []
    owned_paths: list[dict[str, Any]] = []


class ScopeShape(BaseModel):
    """What the scope must look like for controls to ask about it; other entries are for whoever asks of them."""

    model_config = ConfigDict(extra="allow")

    repos: dict[str, RepositoryShape] = {}
    prod_envs: list[str] = []
    prod_namespaces: list[str] = []
    prod_secret_paths: list[str] = []
    cluster_resources: list[str] = []
    tfstate_keys: list[Annotated[str, StringConstraints(pattern="^[^/]+/.+")]] = []
    parameters: dict[str, Any] = {}
