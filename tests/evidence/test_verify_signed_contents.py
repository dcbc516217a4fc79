"""What the company itself signed wrongly, and countersignatures that do not hold."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import pikepdf
import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata
from pyhanko.sign import sign_pdf as sign_plainly
from pyhanko.sign.fields import SigSeedSubFilter

from evidence.verify.pack import verify_pack
from evidence.verify.report import Name, Report, Result
from reports.pack.keys import make_software_key, write_trust
from reports.pack.manifest import build_manifest
from reports.pack.sign import sign_pdf
from tests import packs

if TYPE_CHECKING:
    from pathlib import Path

    from reports.pack.keys import PackSigner


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> PackSigner:
    """The company's key."""
    return make_software_key(tmp_path_factory.mktemp("keys"), common_name="Acme", now=packs.NOW - timedelta(days=1))


def verify(signer: PackSigner, pdf: bytes, folder: Path) -> Report:
    """The report of an auditor who trusts the company's key."""
    trust = write_trust(folder / "trust.json", signers=[signer.trusted_pem])
    return verify_pack(packs.lay_out(folder, pdf, ()), trust=trust, now=packs.NOW + timedelta(days=1))


def detail(report: Report, name: Name) -> str:
    """What one check says."""
    (check,) = [check for check in report.checks if check.name is name]
    return check.detail


EMPTY = build_manifest("SOX-2026Q3-v1", packs.PERIOD, [], None, {})


def plain(signer: PackSigner, pdf: bytes, field: str) -> bytes:
    """`pdf` with a signature that certifies nothing."""
    meta = PdfSignatureMetadata(field_name=field, subfilter=SigSeedSubFilter.PADES)
    return bytes(sign_plainly(IncrementalPdfFileWriter(io.BytesIO(pdf)), meta, signer.signer).getvalue())


def test_signature_must_certify(signer: PackSigner, tmp_path: Path) -> None:
    """An ordinary signature would let anybody add annotations later."""
    report = verify(signer, plain(signer, packs.attach(packs.blank(), {"manifest.json": EMPTY}), "Any"), tmp_path)

    assert report.named(Result.FAILED) == (Name.SIGNATURE,)
    assert "does not certify" in detail(report, Name.SIGNATURE)


def test_file_outside_the_tree_is_not_unseen(signer: PackSigner, tmp_path: Path) -> None:
    """A file hung on an annotation is an attachment that the manifest must name."""
    with pikepdf.open(io.BytesIO(packs.attach(packs.blank(), {"manifest.json": EMPTY}))) as document:
        hidden = pikepdf.AttachedFileSpec(
            document, b"x", description="", filename="hidden.csv", mime_type="", creation_date="", mod_date=""
        )
        note = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.FileAttachment, Rect=[0, 0, 1, 1], FS=hidden.obj
        )
        document.pages[0].obj["/Annots"] = pikepdf.Array([document.make_indirect(note)])
        target = io.BytesIO()
        document.save(target)
    report = verify(signer, sign_pdf(target.getvalue(), signer, now=packs.NOW, reason="x"), tmp_path)

    assert report.named(Result.FAILED) == (Name.ATTACHMENTS,)
    assert "hidden.csv: not named" in detail(report, Name.ATTACHMENTS)


@pytest.mark.parametrize(
    ("stored", "message"),
    [({"a": b"1", "b": b"2"}, "two attachments are named"), ({"a": None}, "cannot be read")],
)
def test_attachments_that_cannot_be_told_apart_or_read_fail(
    stored: dict[str, bytes | None], message: str, signer: PackSigner, tmp_path: Path
) -> None:
    """An attachment has one name and one content, or the pack fails without a traceback."""
    with pikepdf.open(io.BytesIO(packs.attach(packs.blank(), {"manifest.json": EMPTY}))) as document:
        for key, content in stored.items():
            document.attachments[key] = pikepdf.AttachedFileSpec(
                document, content or b"", description="", filename="x", mime_type="", creation_date="", mod_date=""
            )
            if content is None:
                document.attachments[key].obj.EF.F.write(b"no zlib", filter=pikepdf.Name.FlateDecode)
        target = io.BytesIO()
        document.save(target)
    report = verify(signer, sign_pdf(target.getvalue(), signer, now=packs.NOW, reason="x"), tmp_path)

    assert report.named(Result.FAILED) == (Name.MANIFEST,)
    assert message in detail(report, Name.MANIFEST)


@pytest.mark.parametrize("flip", [False, True])
def test_countersignature_must_hold(signer: PackSigner, tmp_path: Path, *, flip: bool) -> None:
    """A countersignature is sound or it fails the pack; the company's own stays as it was."""
    pdf = sign_pdf(packs.attach(packs.blank(), {"manifest.json": EMPTY}), signer, now=packs.NOW, reason="x")
    pdf = plain(signer, pdf, "Auditor")
    value = PdfFileReader(io.BytesIO(pdf)).embedded_signatures[1].signer_info["signature"].native.hex().encode()
    place = pdf.lower().index(value) + len(value) - 2
    if flip:
        pdf = pdf[:place] + (b"0" if pdf[place : place + 1] != b"0" else b"1") + pdf[place + 1 :]
    report = verify(signer, pdf, tmp_path)

    assert report.named(Result.FAILED) == ((Name.COUNTERSIGNATURES,) if flip else ())
    assert "countersignatures" in detail(report, Name.CHANGES)
