"""Timestamped packs, made with a real authority and verified after it is gone."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, SimpleSigner
from pyhanko.sign import sign_pdf as countersign
from pyhanko.sign.fields import SigSeedSubFilter

from evidence.verify.pack import verify_pack
from evidence.verify.report import Name, Report, Result
from evidence.verify.trust import Trust, TrustedCertificate
from reports.pack.keys import PackSigner, make_software_key
from reports.pack.manifest import build_manifest
from reports.pack.sign import TimestampAuthority, sign_pdf
from tests import certomancer, packs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.server, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Made:
    """What was signed while the authority ran."""

    now: datetime
    root: str
    tsa: str
    software: PackSigner
    pdfs: dict[str, bytes]


@pytest.fixture(scope="module")
def made(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Packs at each level, by a software key and by a key under a real CA; the authority is stopped afterwards."""
    now = datetime.now(UTC).replace(microsecond=0)
    software = make_software_key(tmp_path_factory.mktemp("keys"), common_name="Acme", now=now - timedelta(hours=1))
    manifest = build_manifest("SOX-2026Q3-v1", packs.PERIOD, [packs.RISKS], None, {})
    pdf = packs.attach(
        packs.blank(), {"rcm.csv": b"control,risk\nCHG-01,unreviewed change\n", "manifest.json": manifest}
    )
    with certomancer.running(shared / "tools" / "certomancer.yml") as authority:
        root = authority.certificate("root")
        issued = PackSigner(_issued(authority), "CN=Evidence Pack Signer", root)
        stamp = TimestampAuthority(authority.tsa)
        archive = TimestampAuthority(authority.tsa, (root,))
        pdfs = {
            "software B-T": sign_pdf(pdf, software, now=now, reason="pack", tsa=stamp),
            "software B-LTA": sign_pdf(pdf, software, now=now, reason="pack", tsa=archive),
            "issued B-LTA": sign_pdf(pdf, issued, now=now, reason="pack", tsa=archive),
        }
        return Made(now, root, authority.certificate("tsa"), software, pdfs)


def _issued(authority: certomancer.Authority) -> Any:
    return SimpleSigner.load(
        str(authority.folder / "signer.key.pem"),
        str(authority.folder / "signer.cert.pem"),
        ca_chain_files=(str(authority.folder / "ica.cert.pem"),),
    )


def verify(made: Made, pdf: bytes, folder: Path, *, years: int = 0, roots: bool = True) -> Report:
    """The report some years later, offline, by an auditor who was handed the roots."""
    authority = (TrustedCertificate.from_pem(made.root),)
    trust = Trust(
        signers=(TrustedCertificate.from_pem(made.software.trusted_pem), *authority),
        timestamp_roots=authority if roots else (),
    )
    when = made.now + timedelta(minutes=5, days=365 * years)
    return verify_pack(packs.lay_out(folder, pdf, ()), trust=trust, now=when)


@pytest.mark.parametrize("level", ["software B-T", "software B-LTA", "issued B-LTA"])
def test_timestamped_packs_hold_offline(level: str, made: Made, tmp_path: Path) -> None:
    """With the authority gone, the proven time of signing stands in the report."""
    report = verify(made, made.pdfs[level], tmp_path)

    assert report.named(Result.FAILED) == (), report.to_text()
    assert report.named(Result.NOT_CHECKED) == (Name.CHECKPOINT,)
    assert report.signed_at is not None
    assert any("was not revoked" in text for text in report.does_not_prove) is (level == "software B-T")
    assert abs(datetime.fromisoformat(report.signed_at) - made.now) < timedelta(minutes=2)


@pytest.mark.parametrize("years", [1, 7])
@pytest.mark.parametrize("level", ["software B-LTA", "issued B-LTA"])
def test_archive_packs_hold_for_the_retention(level: str, years: int, made: Made, tmp_path: Path) -> None:
    """Embedded revocation data is old by then; the trust file says how old it may be."""
    report = verify(made, made.pdfs[level], tmp_path, years=years)

    assert report.named(Result.FAILED) == (), report.to_text()


def test_expired_authority_is_noticed(made: Made, tmp_path: Path) -> None:
    """Beyond the authority's own certificate nothing is proven any more, and nothing is claimed."""
    assert not verify(made, made.pdfs["issued B-LTA"], tmp_path, years=20).ok


def test_timestamp_of_an_unknown_authority_is_not_checked(made: Made, tmp_path: Path) -> None:
    """Without its root a timestamp says nothing; the signature is judged as of now."""
    report = verify(made, made.pdfs["software B-LTA"], tmp_path, roots=False)

    assert Name.TIMESTAMP in report.named(Result.NOT_CHECKED)
    assert report.ok


def test_auditor_can_countersign(made: Made, tmp_path: Path) -> None:
    """The empty fields take a countersignature that breaks nothing, by a key that the company does not know."""
    auditor = make_software_key(tmp_path / "auditor", common_name="Auditor", now=made.now - timedelta(hours=1))
    writer = IncrementalPdfFileWriter(io.BytesIO(made.pdfs["software B-LTA"]))
    meta = PdfSignatureMetadata(field_name="Auditor", subfilter=SigSeedSubFilter.PADES, reason="received")
    report = verify(made, countersign(writer, meta, auditor.signer, existing_fields_only=True).getvalue(), tmp_path)
    (check,) = [check for check in report.checks if check.name is Name.COUNTERSIGNATURES]

    assert report.named(Result.FAILED) == (), report.to_text()
    assert "Auditor (software key) (sound, not in the trust file)" in check.detail


def test_bytes_behind_the_archive_timestamp_are_detected(made: Made, tmp_path: Path) -> None:
    """Luggage behind the last timestamp is no revision."""
    report = verify(made, made.pdfs["software B-LTA"] + b"\nhidden\n%%EOF\n", tmp_path)

    assert not report.ok


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_openssl_agrees_on_the_timestamp(made: Made, tmp_path: Path) -> None:
    """`openssl ts -verify` accepts the token over the signature value."""
    (signature,) = PdfFileReader(io.BytesIO(made.pdfs["software B-T"])).embedded_signatures
    (token,) = [
        attribute["values"][0].dump()
        for attribute in signature.signer_info["unsigned_attrs"]
        if attribute["type"].native == "signature_time_stamp_token"
    ]
    files = {"token": token, "value": signature.signer_info["signature"].native}
    files |= {"root": made.root.encode(), "tsa": made.tsa.encode()}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    command = ["openssl", "ts", "-verify", "-token_in", "-in", "token", "-data", "value"]
    command += ["-CAfile", "root", "-untrusted", "tsa"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.strip()) == (0, "Verification: OK"), done.stderr
