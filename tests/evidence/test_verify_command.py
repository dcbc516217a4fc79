"""The verifier's command line, its formats, and its independence."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from evidence.canonical import MAX_SAFE_INTEGER, canonical
from evidence.verify import manifest, strict_json, trust
from evidence.verify.__main__ import main
from evidence.verify.formats.errors import FormatError
from evidence.verify.report import Name, Report, Result, failed, not_checked, passed
from reports.pack.keys import make_software_key, write_trust
from reports.pack.manifest import build_manifest
from tests import packs
from tests.docs.handbook import page

if TYPE_CHECKING:
    from pathlib import Path

    from reports.pack.keys import PackSigner


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> PackSigner:
    """The company's key, valid now, for the command line reads the clock."""
    now = datetime.now(UTC) - timedelta(hours=1)
    return make_software_key(tmp_path_factory.mktemp("keys"), common_name="Acme", now=now)


@pytest.fixture
def pack(signer: PackSigner, tmp_path: Path) -> Path:
    """A pack on disk."""
    return packs.lay_out(tmp_path, packs.pack_pdf(signer))


@pytest.fixture
def trust_file(signer: PackSigner, tmp_path: Path) -> Path:
    """The trust file on disk."""
    write_trust(tmp_path / "trust.json", signers=[signer.trusted_pem])
    return tmp_path / "trust.json"


def test_untouched_pack_ends_with_0(pack: Path, trust_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text names every check and what is not proven."""
    assert main([str(pack), "--trust", str(trust_file)]) == 0

    text = capsys.readouterr().out
    assert f"{pack.name}: OK, but not checked: timestamp, log checkpoint" in text
    assert "This does not prove:" in text


def test_json_form_says_the_same(pack: Path, trust_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines read one object."""
    assert main([str(pack), "--trust", str(trust_file), "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["pack_id"]) == (True, "SOX-2026Q3-v1")
    assert {check["result"] for check in said["checks"]} == {"ok", "not checked"}
    assert said["does_not_prove"]


@pytest.mark.parametrize("content", [b"", b"no PDF", b"%PDF-1.7\n", None])
def test_unreadable_packs_end_with_1(
    content: bytes | None, pack: Path, trust_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no pack, or half of one, does not verify; nobody sees a traceback."""
    pack.write_bytes(pack.read_bytes()[:-500] if content is None else content)

    assert main([str(pack), "--trust", str(trust_file)]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_missing_folder_ends_with_1(pack: Path, trust_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A PDF that was sent without its folder does not pass."""
    pack.rename(pack.with_name("alone.pdf"))

    assert main([str(pack.with_name("alone.pdf")), "--trust", str(trust_file)]) == 1
    assert "missing in alone.d/" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--trust", "--previous", "--checkpoint"])
def test_absent_files_end_with_2(option: str, pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong path is wrong usage, said in one line."""
    assert main([str(pack), option, str(tmp_path / "absent")]) == 2
    assert "cannot read" in capsys.readouterr().err


def test_absent_pack_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The pack's own path counts as usage too."""
    assert main([str(tmp_path / "absent.pdf")]) == 2
    assert "absent.pdf" in capsys.readouterr().err


def test_wrong_arguments_end_with_2() -> None:
    """The argument parser's own code agrees with the contract."""
    with pytest.raises(SystemExit, match="2"):
        main(["--nothing"])


def test_runs_as_a_module_and_prints_no_warning(pack: Path, trust_file: Path) -> None:
    """The command works by itself; the libraries below it stay silent."""
    done = subprocess.run(
        [sys.executable, "-m", "evidence.verify", pack, "--trust", trust_file],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_verifier_loads_nothing_of_the_product() -> None:
    """A sceptical stranger installs the verifier alone."""
    program = "import sys, evidence.verify.__main__, evidence.verify.pack; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in loaded if name.startswith(("evidence.", "reports", "warehouse", "controls", "cli"))}

    assert {name for name in ours if not name.startswith("evidence.verify")} == set()
    assert not {"duckdb", "pandas", "pyarrow", "boto3", "dagster", "weasyprint", "pikepdf"} & {*loaded}


TRUST = {
    "format": "evidence-trust/1",
    "signers": [],
    "timestamp_roots": [],
    "log_vkeys": [],
    "witness_vkeys": [],
    "witness_quorum": 0,
    "revocation_freshness_days": 3650,
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "names no signers"),
        ({"format": "evidence-trust/9"}, "has format"),
        ({"extra": 1}, "unknown members: extra"),
        ({"signers": {}}, "signers in the trust file is not a list"),
        ({"signers": [{"pem": 1, "sha256": ""}]}, "is not text"),
        ({"signers": [{"pem": "hello", "sha256": ""}]}, "not one PEM certificate"),
        (
            {"signers": [{"pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "sha256": ""}]},
            "cannot be read",
        ),
        ({"log_vkeys": ["x"]}, "key x"),
        ({"witness_quorum": -1}, "is not a count"),
        ({"witness_quorum": True}, "is not a count"),
    ],
)
def test_wrong_trust_files_end_with_2(
    changes: dict[str, object], message: str, pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trust file that cannot be relied on stops the verification, and the message says where."""
    (tmp_path / "wrong.json").write_text(json.dumps({**TRUST, **changes}))

    assert main([str(pack), "--trust", str(tmp_path / "wrong.json")]) == 2
    assert message in capsys.readouterr().err


def test_fingerprint_must_be_the_certificates_own(signer: PackSigner) -> None:
    """The fingerprint that is read out over the telephone is the one that counts."""
    wrong = {**TRUST, "signers": [{"pem": signer.trusted_pem, "sha256": "0" * 64}]}
    with pytest.raises(FormatError, match="gives fingerprint 0000"):
        trust.parse_trust(json.dumps(wrong).encode())


def test_quorum_needs_as_many_witnesses(signer: PackSigner, tmp_path: Path) -> None:
    """A quorum that can never be met, or a witness counted twice, is a mistake in the file."""
    one = packs.grown_log().witness_vkeys[0]
    with pytest.raises(FormatError, match="asks for 2 witnesses and names 1"):
        write_trust(tmp_path / "t", signers=[signer.trusted_pem], witness_vkeys=[one], witness_quorum=2)
    with pytest.raises(FormatError, match="names a witness twice"):
        write_trust(tmp_path / "t", signers=[signer.trusted_pem], witness_vkeys=[one, one], witness_quorum=2)


@pytest.mark.parametrize("number", [MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER])
def test_the_verifier_reads_the_integers_that_are_written(number: int) -> None:
    """Up to 2^53 - 1, as the writer; the next one is the first that two doubles share."""
    assert strict_json.parse(str(number).encode(), "it") == number
    beyond = str(number + (1 if number > 0 else -1))
    with pytest.raises(FormatError, match=rf"it: integer {beyond} is beyond 2\^53 - 1"):
        strict_json.parse(beyond.encode(), "it")


@pytest.mark.parametrize("text", ["{", "1.5", "NaN", "9007199254740993", "1" * 5000, '{"a":1,"a":2}', "\ud800"])
def test_json_with_two_meanings_is_refused(text: str) -> None:
    """Signed JSON has one meaning, in every reader."""
    with pytest.raises(FormatError, match="it"):
        strict_json.parse(text.encode("utf-8", "surrogatepass"), "it")


GOOD = json.loads(
    build_manifest("P", packs.PERIOD, packs.FILES, packs.grown_log().ledger([1], earlier=[3]), {"a": "b"})
)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("pack_id",), "", "pack_id is not a text"),
        (("period", "from"), "2026-07-01", "expected a time like"),
        (("period", "to"), GOOD["period"]["from"], "not after its start"),
        (("facts",), [], "facts are not an object"),
        (("facts", "a"), 1, "a is not a text"),
        (("files",), {}, "files are not a list"),
        (("files",), [*reversed(GOOD["files"])], "not in order"),
        (("files", 0, "path"), "manifest.json", "names itself"),
        (("files", 0, "sha256"), "F" * 64, "is not a SHA-256"),
        (("files", 0, "bytes"), -1, "bytes is not a count"),
        (("files", 0, "embedded"), 1, "whether rcm.csv is embedded"),
        (("ledger",), [], "is not an object"),
        (("ledger", "proofs"), [], "proofs are not an object"),
        (("ledger", "consistency"), {}, "consistency is not a list"),
        (("ledger", "root"), "00", "is not a SHA-256"),
        (("ledger",), {}, "lacks checkpoint_note"),
    ],
)
def test_malformed_manifests_are_refused(path: tuple[str | int, ...], value: object, message: str) -> None:
    """Each member is of its kind; nothing is guessed."""
    raw = json.loads(json.dumps(GOOD))
    place = raw
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    data = json.dumps(raw, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()

    with pytest.raises(FormatError, match=message):
        manifest.parse_manifest(data)


@pytest.mark.parametrize("statements", [{}, [1]])
def test_malformed_statements_are_refused(statements: object) -> None:
    """Statements are a list of texts."""
    raw = {"format": manifest.STATEMENTS_FORMAT, "statements": statements}
    with pytest.raises(FormatError, match="not"):
        manifest.parse_statements(json.dumps(raw, separators=(",", ":")).encode())


def test_report_is_ok_only_without_failures() -> None:
    """`not checked` is no failure and no success: it is told."""
    checks = (passed(Name.FILE, "x"), not_checked(Name.SIGNER, "y"))
    report = Report("p.pdf", None, None, None, checks, ())

    assert report.ok
    assert not Report("p.pdf", None, None, None, (*checks, failed(Name.MANIFEST, "z")), ()).ok
    assert report.named(Result.NOT_CHECKED) == (Name.SIGNER,)


def test_report_shows_no_control_characters() -> None:
    """A hostile name cannot rewrite the reader's terminal."""
    text = Report("p.pdf", None, None, None, (failed(Name.FILE, "a\x1b[2Jb\nFAKE"),), ()).to_text()

    assert "\x1b" not in text
    assert "\nFAKE" not in text


def test_documented_manifest_is_one() -> None:
    """The reference shows a manifest that the verifier would read."""
    example = json.loads(page("docs/pack-manifest.md").partition("<!-- manifest -->\n```json\n")[2].partition("```")[0])

    assert manifest.parse_manifest(canonical(example)).ledger is not None


def test_documented_checks_are_all() -> None:
    """Every check that a report can show is explained."""
    text = page("docs/pack-manifest.md")

    assert [name for name in Name if f"`{name}`" not in text] == []
