"""Packs and checkpoints signed by keys that never leave their service: KMS, transit."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from moto import mock_aws

from evidence.config import Config
from evidence.errors import ConfigError, SourceRejected
from evidence.ledger import keys
from evidence.ledger.kms import KmsKey, KmsSigner
from evidence.settings import KeySettings, KeySource
from evidence.verify.formats import notes
from evidence.verify.pack import verify_pack
from evidence.verify.report import Name, Result
from evidence.verify.trust import parse_trust
from reports.pack.remote_keys import CERTIFICATE_FILE
from reports.pack.signers import TRUST, load_signers, make_signers
from tests import openbao, packs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reports.pack.build import Signers

ENVIRON = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "VAULT_TOKEN": openbao.TOKEN}


@pytest.fixture(scope="module")
def transit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The transit mount of a real OpenBao."""
    with openbao.transit(tmp_path_factory.mktemp("bao")) as url:
        yield url


def configured(root: Path, pdf: KeySource, log: KeySource | None = None) -> Config:
    """A configuration with these keys."""
    found = Config(company="Acme", home=".", keys=KeySettings(pdf=pdf, log=log or KeySource()))
    return found.model_copy(update={"root": root})


def made(config: Config) -> Signers:
    """Its signers."""
    return make_signers(config, now=packs.NOW, environ=ENVIRON)


def check_pack(config: Config, signers: Signers, folder: Path) -> None:
    """A pack that they sign verifies, by us and by pdfsig."""
    path = packs.lay_out(folder, packs.pack_pdf(signers.pdf))
    trust = replace(parse_trust((config.keys_path / TRUST).read_bytes()), log_vkeys=())  # the pack carries no log
    report = verify_pack(path, trust=trust, now=packs.NOW)

    assert not report.named(Result.FAILED), report.to_text()
    assert {Name.SIGNER, Name.INTEGRITY} <= set(report.named(Result.OK))
    assert "software key" not in (report.signer or "")
    if shutil.which("pdfsig"):
        command: list[str | Path] = ["pdfsig", "-nocert", path]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        assert "Signature Validation: Signature is Valid." in said


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "RSA_3072"])
def test_kms_signs_packs(spec: str, tmp_path: Path) -> None:
    """The certificate is made for the key in KMS, once; the pack verifies."""
    with mock_aws():
        client = boto3.client("kms", region_name="eu-central-1")
        key = client.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        config = configured(tmp_path, KeySource(driver="kms", key=key, region="eu-central-1"))
        signers = made(config)
        certificate = (config.keys_path / CERTIFICATE_FILE).read_bytes()

        check_pack(config, signers, tmp_path)
        assert load_signers(config, ENVIRON).pdf.trusted_pem == signers.pdf.trusted_pem
        assert made(config).pdf.fingerprint == signers.pdf.fingerprint
        assert (config.keys_path / CERTIFICATE_FILE).read_bytes() == certificate


def test_kms_refusals(tmp_path: Path) -> None:
    """A key of another kind, an absent one, and a certificate of another key are told apart."""
    with mock_aws():
        client = boto3.client("kms", region_name="eu-central-1")
        other = client.create_key(KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        first, second = (
            client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"] for _ in range(2)
        )
        with pytest.raises(ConfigError, match="is of another kind; valid: ECC_NIST_P256, RSA_3072"):
            made(configured(tmp_path, KeySource(driver="kms", key=other, region="eu-central-1")))
        with pytest.raises(SourceRejected, match="NotFoundException"):
            made(configured(tmp_path, KeySource(driver="kms", key="alias/absent", region="eu-central-1")))
        made(configured(tmp_path, KeySource(driver="kms", key=first, region="eu-central-1")))
        with pytest.raises(ConfigError, match="certifies another key"):
            made(configured(tmp_path, KeySource(driver="kms", key=second, region="eu-central-1")))
        with pytest.raises(ConfigError, match="KMS signs at most 4,096"):
            KmsKey.open(first, client, specs=("ECC_NIST_P256",)).sign(bytes(4097))


def test_kms_signs_checkpoints() -> None:
    """The log's key is asked for plain Ed25519 over the message itself, in the words of Amazon's own service model."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    client = boto3.client("kms", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    asked: dict[str, Any] = {
        "KeyId": "log", "Message": b"text\n", "MessageType": "RAW", "SigningAlgorithm": "ED25519_SHA_512",
    }  # fmt: skip
    with Stubber(client) as stub:
        held = {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY", "PublicKey": public}
        stub.add_response("get_public_key", held, {"KeyId": "log"})
        stub.add_response("sign", {"Signature": private.sign(b"text\n")}, asked)
        signer = KmsSigner.open("log.example/evidence", "log", client)
        note = keys.sign_note(b"text\n", signer)

    notes.open_note(note, [keys.log_key(signer)])


@pytest.mark.server
@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-3072"])
def test_transit_signs_packs_and_checkpoints(kind: str, transit: str, tmp_path: Path) -> None:
    """Both keys live in a real OpenBao; the pack verifies, and so does what the log's key signs."""
    openbao.call(f"{transit}/keys/pdf-{kind}", {"type": kind})
    openbao.call(f"{transit}/keys/log-{kind}", {"type": "ed25519"})
    config = configured(
        tmp_path,
        KeySource(driver="transit", url=transit, key=f"pdf-{kind}", version=1),
        KeySource(driver="transit", url=transit, key=f"log-{kind}", version=1),
    )
    signers = made(config)

    check_pack(config, signers, tmp_path)
    notes.open_note(keys.sign_note(b"text\n", signers.log), [notes.Ed25519Key.parse(signers.log_vkey)])
    assert not list(config.keys_path.glob("*.key"))


def test_a_service_needs_its_settings() -> None:
    """What a driver needs is asked for when the configuration is read, and the token when the key is."""
    with pytest.raises(ValueError, match="with driver transit needs url, version"):
        KeySource(driver="transit", key="log")
    source = KeySource(driver="transit", url="http://127.0.0.1:9/v1/transit", key="log", version=1, token_from="NONE")
    with pytest.raises(ConfigError, match="the environment variable NONE is empty"):
        load_signers(Config(company="Acme", keys=KeySettings(log=source)))
