"""Signing: what other people's tools say of our packs, and what is refused."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pikepdf
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from evidence.errors import ConfigError, SourceUnavailable
from evidence.verify.formats.errors import FormatError
from evidence.verify.trust import parse_trust
from reports.pack.finish import finish_pdf
from reports.pack.keys import KEY_FILE, PASSPHRASE_FILE, ROOT_FILE, load_signer, make_software_key, write_trust
from reports.pack.manifest import PackFile, PackPeriod, build_manifest
from reports.pack.sign import FIELDS, TimestampAuthority, sign_pdf
from tests import packs

if TYPE_CHECKING:
    from pathlib import Path

    from reports.pack.keys import PackSigner


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a software key."""
    folder = tmp_path_factory.mktemp("keys")
    make_software_key(folder, common_name="Acme evidence packs", now=packs.NOW - timedelta(days=1))
    return folder


@pytest.fixture(scope="module")
def signer(keys: Path) -> PackSigner:
    """The key, as it is loaded to sign."""
    return load_signer(keys)


@pytest.fixture(scope="module")
def pack(signer: PackSigner) -> bytes:
    """A signed pack."""
    return packs.pack_pdf(signer)


class TestKey:
    """The software key and its files."""

    def test_key_and_passphrase_are_the_owners_alone(self, keys: Path) -> None:
        """Whoever can read the key file can sign, so nobody else may read it."""
        modes = {name: stat.S_IMODE((keys / name).stat().st_mode) for name in (KEY_FILE, PASSPHRASE_FILE)}

        assert modes == {KEY_FILE: 0o600, PASSPHRASE_FILE: 0o600}

    def test_key_names_itself_a_software_key(self, signer: PackSigner) -> None:
        """No reader of a pack may take a file for a hardware key."""
        assert signer.subject == "CN=Acme evidence packs (software key)"

    def test_key_is_never_overwritten(self, keys: Path) -> None:
        """Old packs need their key's certificate; replacing a key is a decision."""
        with pytest.raises(ConfigError, match="is there already"):
            make_software_key(keys, common_name="Other", now=packs.NOW)

    def test_key_readable_by_others_is_refused(self, keys: Path, tmp_path: Path) -> None:
        """A key that others may have read is not used silently."""
        copy = shutil.copytree(keys, tmp_path / "copy")
        (copy / KEY_FILE).chmod(0o644)

        with pytest.raises(ConfigError, match="can be read by other users"):
            load_signer(copy)

    @pytest.mark.parametrize(
        ("file", "content", "message"),
        [
            (PASSPHRASE_FILE, b"wrong", "does not open"),
            (KEY_FILE, b"no key", "does not open"),
            (KEY_FILE, None, "No such"),
        ],
    )
    def test_key_that_does_not_open_says_why(
        self, keys: Path, tmp_path: Path, file: str, content: bytes | None, message: str
    ) -> None:
        """An unusable key is a configuration error with a next step, not a traceback."""
        copy = shutil.copytree(keys, tmp_path / "copy")
        (copy / file).unlink() if content is None else (copy / file).write_bytes(content)

        with pytest.raises(ConfigError, match=message) as caught:
            load_signer(copy)

        assert caught.value.next_step

    def test_passphrase_kept_elsewhere_is_not_written(self, tmp_path: Path) -> None:
        """A caller that holds the passphrase leaves none on the disk."""
        made = make_software_key(tmp_path, common_name="Acme", now=packs.NOW, passphrase=b"from the vault")

        assert not (tmp_path / PASSPHRASE_FILE).exists()
        assert load_signer(tmp_path, passphrase=b"from the vault").trusted_pem == made.trusted_pem

    def test_name_too_long_for_x509_is_refused(self, tmp_path: Path) -> None:
        """X.509 allows 64 characters; the message says so."""
        with pytest.raises(ConfigError, match="64 characters"):
            make_software_key(tmp_path, common_name="x" * 60, now=packs.NOW)

    def test_unwritable_folder_is_refused(self, tmp_path: Path) -> None:
        """A key folder that cannot be made is a configuration error."""
        (tmp_path / "file").write_text("")

        with pytest.raises(ConfigError, match="cannot write the signing key"):
            make_software_key(tmp_path / "file" / "keys", common_name="Acme", now=packs.NOW)


class TestTrustFile:
    """What the auditor is handed."""

    def test_trust_file_says_what_was_written(self, signer: PackSigner, tmp_path: Path) -> None:
        """The auditor reads back exactly the roots, log keys and witnesses."""
        log = packs.grown_log()
        written = write_trust(
            tmp_path / "trust.json",
            signers=[signer.trusted_pem],
            log_vkeys=[log.vkey],
            witness_vkeys=log.witness_vkeys,
            witness_quorum=2,
        )

        assert parse_trust((tmp_path / "trust.json").read_bytes()) == written
        assert written.signers[0].sha256 == signer.fingerprint

    def test_trust_in_a_malformed_key_is_refused(self, signer: PackSigner, tmp_path: Path) -> None:
        """A trust file that the verifier would refuse is never written."""
        with pytest.raises(FormatError, match="key log: type"):
            write_trust(tmp_path / "trust.json", signers=[signer.trusted_pem], log_vkeys=["log+00000000"])

        assert not (tmp_path / "trust.json").exists()


class TestFinish:
    """From the renderer's output to the file that is signed."""

    def test_finishing_is_deterministic(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same page gives the same bytes, so that its digest can be published before signing."""
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795858200")
        first, second = (finish_pdf(packs.render({"a.csv": b"1"})) for _ in range(2))

        assert first == second

    def test_finishing_is_the_same_under_another_hash_seed_and_zone(self) -> None:
        """Nothing depends on dictionary order of a process or on where the machine stands."""
        program = (
            "import hashlib; from tests import packs; from reports.pack.finish import finish_pdf;"
            "print(hashlib.sha256(finish_pdf(packs.render({'a.csv': b'1'}))).hexdigest())"
        )
        outputs = {
            subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "SOURCE_DATE_EPOCH": "1795858200", "PYTHONHASHSEED": seed, "TZ": zone},
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
        }

        assert len(outputs) == 1

    def test_every_page_follows_the_structure(self) -> None:
        """PDF/UA asks for the structure's tab order on pages that hold widgets."""
        with pikepdf.open(io.BytesIO(packs.blank())) as document:
            assert [str(page.obj["/Tabs"]) for page in document.pages] == ["/S"]

    @pytest.mark.parametrize(
        ("pdf", "message"), [(b"%PDF-1.7 nothing", "not a readable PDF"), (None, "finished twice")]
    )
    def test_anything_but_a_fresh_rendering_is_refused(self, pdf: bytes | None, message: str) -> None:
        """Finishing is done once, on the renderer's output."""
        with pytest.raises(ValueError, match=message):
            finish_pdf(packs.blank() if pdf is None else pdf)

    def test_pdf_without_conformance_is_refused(self) -> None:
        """A rendering without PDF/A metadata cannot become an archive file."""
        target = io.BytesIO()
        with pikepdf.new() as document:
            document.add_blank_page()
            document.save(target)

        with pytest.raises(ValueError, match="no PDF/A metadata"):
            finish_pdf(target.getvalue())


class TestSignature:
    """The signed file, in our eyes and in those of other tools."""

    def test_signature_certifies_and_leaves_two_fields_empty(self, pack: bytes) -> None:
        """Countersignatures need fields that were there before the company certified."""
        reader = PdfFileReader(io.BytesIO(pack))
        (signature,) = reader.embedded_signatures
        names = [field.get_object()["/T"] for field in reader.root["/AcroForm"]["/Fields"]]

        assert names == list(FIELDS)
        assert (signature.field_name, signature.docmdp_level.name) == ("CompanySignature", "FILL_FORMS")
        assert signature.self_reported_timestamp == packs.NOW

    def test_signing_twice_is_refused(self, signer: PackSigner, pack: bytes) -> None:
        """A document is certified once."""
        with pytest.raises(ConfigError, match="cannot be signed"):
            sign_pdf(pack, signer, now=packs.NOW, reason="again")

    def test_silent_timestamp_authority_is_an_outage(self, signer: PackSigner) -> None:
        """No pack is signed without the timestamp that the configuration asks for."""
        with pytest.raises(SourceUnavailable, match=r"timestamp authority http://127\.0\.0\.1:9/") as caught:
            sign_pdf(
                packs.blank(),
                signer,
                now=packs.NOW,
                reason="x",
                tsa=TimestampAuthority("http://127.0.0.1:9/", timeout=2),
            )

        assert caught.value.next_step

    def test_malformed_root_of_the_authority_is_refused(self, signer: PackSigner) -> None:
        """A root that is no certificate is the configuration's fault."""
        with pytest.raises(ConfigError, match="no PEM certificate"):
            sign_pdf(
                packs.blank(), signer, now=packs.NOW, reason="x", tsa=TimestampAuthority("http://127.0.0.1:9/", ("-",))
            )

    @pytest.mark.skipif(not shutil.which("pdfsig"), reason="pdfsig (poppler-utils) is not installed")
    def test_pdfsig_calls_it_valid(self, pack: bytes, tmp_path: Path) -> None:
        """A reader that is not ours agrees that the whole file is signed."""
        (tmp_path / "pack.pdf").write_bytes(pack)
        said = subprocess.run(
            ["pdfsig", "-nocert", tmp_path / "pack.pdf"], capture_output=True, text=True, check=False
        ).stdout

        assert "Signature Validation: Signature is Valid." in said
        assert "Total document signed" in said

    @pytest.mark.skipif(
        not (shutil.which("pdfsig") and shutil.which("certutil")), reason="needs poppler-utils and libnss3-tools"
    )
    def test_pdfsig_trusts_the_root_that_the_auditor_was_given(self, pack: bytes, keys: Path, tmp_path: Path) -> None:
        """The certificate's form is one that NSS accepts for document signatures."""
        (tmp_path / "pack.pdf").write_bytes(pack)
        database = tmp_path / "nss"
        database.mkdir()
        subprocess.run(["certutil", "-N", "-d", database, "--empty-password"], check=True)
        subprocess.run(
            ["certutil", "-A", "-d", database, "-n", "pack", "-t", ",C,", "-a", "-i", keys / ROOT_FILE], check=True
        )
        said = subprocess.run(
            ["pdfsig", "-nssdir", database, tmp_path / "pack.pdf"], capture_output=True, text=True, check=False
        ).stdout

        assert "Certificate Validation: Certificate is Trusted." in said

    @pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
    @pytest.mark.parametrize("flip", [False, True])
    def test_openssl_agrees(self, pack: bytes, keys: Path, tmp_path: Path, *, flip: bool) -> None:
        """`openssl cms -verify` on the byte slices accepts the pack, and refuses it with one byte changed."""
        (signature,) = PdfFileReader(io.BytesIO(pack)).embedded_signatures
        _, before, resume, after = signature.byte_range
        content = bytearray(pack[:before] + pack[resume : resume + after])
        content[200] ^= flip
        (tmp_path / "content").write_bytes(content)
        (tmp_path / "cms").write_bytes(signature.pkcs7_content)
        command: list[str | Path] = [
            "openssl",
            "cms",
            "-verify",
            "-cades",
            "-binary",
            "-inform",
            "DER",
            "-in",
            tmp_path / "cms",
        ]
        command += ["-content", tmp_path / "content", "-CAfile", keys / ROOT_FILE, "-out", os.devnull]
        command += ["-purpose", "any", "-attime", str(int(packs.NOW.timestamp()))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)

        assert (done.returncode == 0) is not flip, done.stderr


class TestManifest:
    """What the writer of manifests refuses."""

    def test_file_on_disk_and_in_memory_are_named_alike(self, tmp_path: Path) -> None:
        """Where the builder keeps a file does not change its digest."""
        (tmp_path / "x").write_bytes(b"content")
        manifests = {
            build_manifest("P", packs.PERIOD, [PackFile("x", content, "results", embedded=True)], None, {})
            for content in (b"content", tmp_path / "x")
        }

        assert len(manifests) == 1

    @pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", "manifest.json", ".hidden", "a\\b", ""])
    def test_unsafe_paths_are_refused(self, path: str) -> None:
        """A path that could leave the pack's folder is never written."""
        with pytest.raises(FormatError, match=r"path|names itself"):
            build_manifest("P", packs.PERIOD, [PackFile(path, b"", "results", embedded=True)], None, {})

    def test_a_file_named_twice_is_refused(self) -> None:
        """One name has one content."""
        with pytest.raises(FormatError, match="repeated"):
            build_manifest("P", packs.PERIOD, [packs.RISKS, packs.RISKS], None, {})

    def test_time_without_zone_is_refused(self) -> None:
        """A period without a zone says nothing."""
        naive = PackPeriod("2026Q3", packs.PERIOD.start.replace(tzinfo=None), packs.PERIOD.end)
        with pytest.raises(ValueError, match="no zone"):
            build_manifest("P", naive, [], None, {})
