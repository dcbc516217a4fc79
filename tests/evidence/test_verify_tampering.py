"""Attacks on a signed pack: each is detected, and by the check that is named here."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pikepdf
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from evidence.verify.pack import verify_pack
from evidence.verify.report import Name, Report, Result
from reports.pack.keys import make_software_key, write_trust
from reports.pack.manifest import PackFile, build_manifest
from tests import packs

if TYPE_CHECKING:
    from pathlib import Path

    from evidence.verify.trust import Trust
    from reports.pack.keys import PackSigner

Attack = Callable[[bytes], bytes]
Update = Callable[[IncrementalPdfFileWriter], None]


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> PackSigner:
    """The company's key."""
    return make_software_key(tmp_path_factory.mktemp("keys"), common_name="Acme", now=packs.NOW - timedelta(days=1))


@pytest.fixture(scope="module")
def thief(tmp_path_factory: pytest.TempPathFactory) -> PackSigner:
    """A key that somebody else made under the same name."""
    return make_software_key(tmp_path_factory.mktemp("other"), common_name="Acme", now=packs.NOW - timedelta(days=1))


@pytest.fixture(scope="module")
def trust(signer: PackSigner, tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """What the auditor was handed."""
    return write_trust(tmp_path_factory.mktemp("trust") / "trust.json", signers=[signer.trusted_pem])


@pytest.fixture(scope="module")
def pack(signer: PackSigner) -> bytes:
    """The untouched pack."""
    return packs.pack_pdf(signer)


def verify(path: Path, trust: Trust | None) -> Report:
    """The report a day later."""
    return verify_pack(path, trust=trust, now=packs.NOW + timedelta(days=1))


def test_untouched_pack_holds(pack: bytes, trust: Trust, tmp_path: Path) -> None:
    """Only what is not there (a timestamp, a log) is left unchecked."""
    report = verify(packs.lay_out(tmp_path, pack), trust)

    assert report.ok
    assert report.named(Result.NOT_CHECKED) == (Name.TIMESTAMP, Name.CHECKPOINT)
    assert report.pack_id == "SOX-2026Q3-v1"


# Bytes of the signed file.


def flip_in_stream(pdf: bytes, find: Callable[[pikepdf.Pdf], Any]) -> bytes:
    """One bit of a stream's stored bytes is changed."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        stored = find(document).read_raw_bytes()
    assert pdf.count(stored) == 1
    position = pdf.index(stored) + len(stored) // 2
    return pdf[:position] + bytes([pdf[position] ^ 1]) + pdf[position + 1 :]


def flip_in_page(pdf: bytes) -> bytes:
    """A bit of the page's content."""
    return flip_in_stream(pdf, lambda document: document.pages[0].Contents)


def flip_in_attachment(pdf: bytes) -> bytes:
    """A bit of an attachment."""
    return flip_in_stream(pdf, lambda document: document.attachments["rcm.csv"].obj.EF.F)


def flip_in_signature(pdf: bytes) -> bytes:
    """A hexadecimal digit of the signature value."""
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    value = signature.signer_info["signature"].native.hex().encode()
    position = pdf.lower().index(value) + len(value) - 2
    digit = b"0" if pdf[position : position + 1] != b"0" else b"1"
    return pdf[:position] + digit + pdf[position + 1 :]


def append_by_the_rules(pdf: bytes) -> bytes:
    """Bytes that no reader looks at, with a proper end of file behind them."""
    return pdf + b"PK\x03\x04 a zip file\n" + pdf[pdf.rindex(b"startxref") :]


def strip(pdf: bytes) -> bytes:
    """The file as it was before it was signed."""
    first_end = pdf.index(b"%%EOF") + len(b"%%EOF\n")
    assert first_end < len(pdf)
    return pdf[:first_end]


def prepend(pdf: bytes) -> bytes:
    """A line before the file."""
    return b"% a comment\n" + pdf


BYTES: dict[str, tuple[Attack, Name]] = {
    "flip in page": (flip_in_page, Name.INTEGRITY),
    "flip in attachment": (flip_in_attachment, Name.INTEGRITY),
    "flip in signature": (flip_in_signature, Name.INTEGRITY),
    "signature stripped": (strip, Name.SIGNATURE),
    "line prepended": (prepend, Name.FILE),
    "cut in the middle": (lambda pdf: pdf[: len(pdf) // 2], Name.FILE),
    "last 10 bytes missing": (lambda pdf: pdf[:-10], Name.FILE),
    "last 200 bytes missing": (lambda pdf: pdf[:-200], Name.FILE),
    "empty": (lambda _: b"", Name.FILE),
    "not a PDF": (lambda _: b"PK\x03\x04 a zip file", Name.FILE),
    "bytes appended up to an end of file": (append_by_the_rules, Name.CHANGES),
    "bytes appended": (lambda pdf: pdf + b"\n% appended\n", Name.CHANGES),
}


@pytest.mark.parametrize("attack", BYTES)
def test_changed_bytes_are_detected(attack: str, pack: bytes, trust: Trust, tmp_path: Path) -> None:
    """No byte of a signed file changes unseen, nor does the file shrink or lose its signature."""
    act, expected = BYTES[attack]
    report = verify(packs.lay_out(tmp_path, act(pack)), trust)

    assert expected in report.named(Result.FAILED), report.to_text()


def test_every_region_of_the_file_is_covered(pack: bytes, trust: Trust, tmp_path: Path) -> None:
    """A byte changed anywhere, but in the padding of the signature value, is detected without a traceback."""
    (signature,) = PdfFileReader(io.BytesIO(pack)).embedded_signatures
    _, before, resume, _ = signature.byte_range
    for position in [p for p in range(5, len(pack), 199) if not before <= p < resume]:
        path = packs.lay_out(tmp_path, pack[:position] + bytes([pack[position] ^ 4]) + pack[position + 1 :])

        assert not verify(path, trust).ok, position


# Updates appended after signing: the signed bytes stay, what a viewer shows does not.


def page_of(writer: IncrementalPdfFileWriter) -> Any:
    """The first page, to be changed."""
    return writer.find_page_for_modification(0)[0].get_object()


def replace_attachment(writer: IncrementalPdfFileWriter) -> None:
    """The content of an attachment, in the object that holds it."""
    names = writer.root["/Names"]["/EmbeddedFiles"]["/Names"]
    stream = names[1]["/EF"]["/F"]
    stream._data, stream._encoded_data = b"control,risk\nCHG-01,none\n", None
    writer.mark_update(names[1]["/EF"].raw_get("/F"))


def swap_attachment_tree(writer: IncrementalPdfFileWriter) -> None:
    """The catalogue's tree of attachments, by an empty one."""
    writer.root["/Names"]["/EmbeddedFiles"] = generic.DictionaryObject({pdf_name("/Names"): generic.ArrayObject()})
    writer.update_root()
    writer.update_container(writer.root["/Names"])


def replace_page_content(writer: IncrementalPdfFileWriter) -> None:
    """What the page shows."""
    page = page_of(writer)
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"BT ET"))
    writer.update_container(page)


def overlay_page_content(writer: IncrementalPdfFileWriter) -> None:
    """Something more on the page."""
    writer.add_stream_to_page(0, writer.add_object(generic.StreamObject(stream_data=b"0 0 99 99 re f")))


def add_annotation(writer: IncrementalPdfFileWriter) -> None:
    """A note in front of the page."""
    note = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/FreeText"),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 300, 300))),
            pdf_name("/Contents"): pdf_string("EFFECTIVE"),
        }
    )
    writer.register_annotation(writer.find_page_for_modification(0)[0], writer.add_object(note))


def replace_font(writer: IncrementalPdfFileWriter) -> None:
    """The fonts, so that the same text shows other letters."""
    page = page_of(writer)
    page["/Resources"]["/Font"] = generic.DictionaryObject()
    writer.update_container(page["/Resources"])


def drop_page(writer: IncrementalPdfFileWriter) -> None:
    """The pages themselves."""
    pages = writer.root["/Pages"]
    pages["/Kids"], pages["/Count"] = generic.ArrayObject(), generic.NumberObject(0)
    writer.update_container(pages)


def show_signature_field(writer: IncrementalPdfFileWriter) -> None:
    """An empty countersignature field, moved onto the page and given a look."""
    field = writer.root["/AcroForm"]["/Fields"][2]
    field["/Rect"] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 300, 300)))
    writer.update_container(field)


def open_with_script(writer: IncrementalPdfFileWriter) -> None:
    """An action on opening."""
    writer.root["/OpenAction"] = generic.DictionaryObject(
        {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): pdf_string("app.alert(1)")}
    )
    writer.update_root()


UPDATES: tuple[Update, ...] = (
    replace_attachment,
    swap_attachment_tree,
    replace_page_content,
    overlay_page_content,
    add_annotation,
    replace_font,
    drop_page,
    show_signature_field,
    open_with_script,
)


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: update.__name__)
def test_update_after_signing_is_detected(update: Update, pack: bytes, trust: Trust, tmp_path: Path) -> None:
    """The signature stays valid (so say other tools), and the pack fails all the same."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pack))
    update(writer)
    target = io.BytesIO()
    writer.write(target)
    assert target.getvalue().startswith(pack)
    report = verify(packs.lay_out(tmp_path, target.getvalue()), trust)

    # The manifest and the attachments still hold: they are read from the signed bytes, not from the update.
    assert report.named(Result.FAILED) == (Name.CHANGES,), report.to_text()


# Other keys, other contents.


def test_pack_signed_again_by_another_key_is_detected(
    pack: bytes, thief: PackSigner, trust: Trust, tmp_path: Path
) -> None:
    """A self-consistent forgery under the company's name fails on the key alone."""
    forged = packs.pack_pdf(thief)
    report = verify(packs.lay_out(tmp_path, forged), trust)

    assert report.named(Result.FAILED) == (Name.SIGNER,)
    assert report.signer == verify(packs.lay_out(tmp_path, pack), trust).signer


def test_without_trust_file_the_forgery_is_not_vouched_for(thief: PackSigner, tmp_path: Path) -> None:
    """Without a trust file the verifier says that it does not know who signed."""
    report = verify(packs.lay_out(tmp_path, packs.pack_pdf(thief)), None)

    assert Name.SIGNER in report.named(Result.NOT_CHECKED)
    assert any(text.startswith("Who signed") for text in report.does_not_prove)


def test_untimed_pack_does_not_outlive_its_certificate(pack: bytes, trust: Trust, tmp_path: Path) -> None:
    """Without a timestamp nobody can tell whether an expired key signed before or after it expired."""
    path = packs.lay_out(tmp_path, pack)
    nine, eleven = (verify_pack(path, trust=trust, now=packs.NOW + timedelta(days=365 * years)) for years in (9, 11))

    assert nine.ok
    assert eleven.named(Result.FAILED) == (Name.SIGNER,)


def manifest(*files: PackFile) -> bytes:
    """A manifest of `files` alone."""
    return build_manifest("SOX-2026Q3-v1", packs.PERIOD, files, None, {})


RISKS, RESULTS = packs.RISKS, packs.RESULTS
ALTERED = b"control,risk\nCHG-01,reviewed change \n"  # as long as the original
CONTENTS: dict[str, tuple[dict[str, bytes], Name]] = {
    "manifest of another pack": ({"rcm.csv": b"x", "manifest.json": manifest(RISKS)}, Name.ATTACHMENTS),
    "same size, other bytes": ({"rcm.csv": ALTERED, "manifest.json": manifest(RISKS)}, Name.ATTACHMENTS),
    "attachment missing": ({"manifest.json": manifest(RISKS)}, Name.ATTACHMENTS),
    "attachment unnamed": (
        {"rcm.csv": b"control,risk\nCHG-01,unreviewed change\n", "x.csv": b"x", "manifest.json": manifest(RISKS)},
        Name.ATTACHMENTS,
    ),
    "no manifest": ({"rcm.csv": b"x"}, Name.MANIFEST),
    "manifest not canonical": ({"manifest.json": b" " + manifest()}, Name.MANIFEST),
    "manifest with a second meaning": (
        {"manifest.json": manifest().replace(b'"files":[]', b'"files":[],"files":[]')},
        Name.MANIFEST,
    ),
    "manifest with unknown members": (
        {"manifest.json": manifest().replace(b'"files"', b'"extra":1,"files"')},
        Name.MANIFEST,
    ),
    "manifest of another version": ({"manifest.json": manifest().replace(b"manifest/1", b"manifest/9")}, Name.MANIFEST),
    "manifest that climbs out": (
        {"manifest.json": manifest(RISKS).replace(b'"rcm.csv"', b'"../rcm.csv"')},
        Name.MANIFEST,
    ),
    "manifest is no JSON": ({"manifest.json": b"[" * 100_000}, Name.MANIFEST),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_contents_that_differ_from_the_manifest_are_detected(
    case: str, signer: PackSigner, trust: Trust, tmp_path: Path
) -> None:
    """Even with the company's own key, attachments and manifest must agree, one for one."""
    attachments, expected = CONTENTS[case]
    report = verify(packs.lay_out(tmp_path, packs.signed(signer, attachments), ()), trust)

    assert report.named(Result.FAILED) == (expected,), report.to_text()


# Files beside the PDF.

FOLDER: dict[str, Callable[[Path], object]] = {
    "edited": lambda folder: (folder / packs.POPULATION.path).write_bytes(b"PAR1 not really PAR2"),
    "longer": lambda folder: (folder / packs.POPULATION.path).write_bytes(b"PAR1 not really PAR1 "),
    "missing": lambda folder: (folder / packs.POPULATION.path).unlink(),
    "unnamed": lambda folder: (folder / "extra.csv").write_bytes(b""),
    "folder missing": shutil.rmtree,
    "under another name": lambda folder: (folder / packs.POPULATION.path).rename(folder / "population.parquet"),
}


@pytest.mark.parametrize("case", FOLDER)
def test_files_beside_the_pack_are_held_to_the_manifest(case: str, pack: bytes, trust: Trust, tmp_path: Path) -> None:
    """What is too large to attach is as protected as what is attached."""
    path = packs.lay_out(tmp_path, pack)
    FOLDER[case](path.with_suffix(".d"))
    report = verify(path, trust)

    assert report.named(Result.FAILED) == (Name.FOLDER,), report.to_text()
