"""Wrong use, as a stranger meets it: one screen that says what to do, the right exit code, nothing half-written."""

from __future__ import annotations

import json
import re
import shutil
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from cli.main import main
from evidence.sources import github
from evidence.sources._patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCREEN = 24  # lines
EVENT = {"_document_id": "a", "action": "repo.access", "created_at": 1782900000000}
DAY = "2026-07-01"
CHG01 = ("test", "--period", "2026Q3", "--control", "CHG-01")
IMPORT = ("import", "github.audit_log", "one.jsonl")
GITHUB = "{github: {organisation: acme, repositories: [app], url: 'http://127.0.0.1:PORT'}}"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder that `init` made, as the working directory, with a file to import."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "."]) == 0
    (tmp_path / "one.jsonl").write_text(json.dumps(EVENT) + "\n")
    capsys.readouterr()
    return tmp_path


@pytest.fixture
def port() -> Iterator[int]:
    """A server that takes no token for good."""

    class Refusing(BaseHTTPRequestHandler):
        """Says 401 whatever is asked."""

        def do_GET(self) -> None:
            """Refuse."""
            body = b'{"message": "Bad credentials"}'
            self.send_response(401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that the server looks for

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def setting(found: str, wanted: str) -> Callable[[Path], None]:
    """Replaces a line of the configuration, or adds one."""

    def change(home: Path) -> None:
        path = home / "evidence.yaml"
        text = path.read_text()
        assert found in text
        path.write_text(text.replace(found, wanted, 1))

    return change


def added(line: str) -> Callable[[Path], None]:
    """Adds a line to the configuration."""

    def change(home: Path) -> None:
        path = home / "evidence.yaml"
        path.write_text(path.read_text() + line + "\n")

    return change


def nothing(_: Path) -> None:
    """As `init` left it."""


def locker_is_a_file(home: Path) -> None:
    """A store that cannot be written, whoever runs this."""
    (home / "var" / "locker").write_text("")


def kept(home: Path) -> None:
    """One file was imported."""
    assert main(list(IMPORT)) == 0
    assert home.is_dir()


def cut(pattern: str) -> Callable[[Path], None]:
    """One file was imported, and what fits the pattern lost its end since."""

    def change(home: Path) -> None:
        kept(home)
        found = [path for path in (home / "var").glob(pattern) if path.is_file()]
        assert found
        for path in found:
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:-9])

    return change


def no_catalogue(home: Path) -> None:
    """One file was imported, and the lake's catalogue is garbage since."""
    kept(home)
    (home / "var" / "lake" / "catalog.db").write_bytes(b"garbage" * 1000)


def removed(pattern: str) -> Callable[[Path], None]:
    """One file was imported, and what fits the pattern was removed since."""

    def change(home: Path) -> None:
        kept(home)
        for path in (home / "var").glob(pattern):
            path.unlink()

    return change


def written(home: Path) -> dict[str, bytes]:
    """What counts: receipts, captures, assessments, packs."""
    folders = ("locker/objects/receipts", "locker/objects/captures", "assessments", "packs")
    files = (path for folder in folders for path in (home / "var" / folder).rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}


def received(home: Path) -> list[str]:
    """What came from a source; a receipt that says what is gone for ever is none."""
    return [path for path in written(home) if "/captures/" in path]


CASES = {
    "a setting that there is not": (added("colour: red"), ("status",), 2, "line .*colour: is not a setting"),
    "a setting of another kind": (
        setting("sources: {}", "sources: [github]"), ("status",), 2, "line .*sources: .*found list",
    ),
    "a scope of another kind": (setting("repos: {}", "repos: [a]"), CHG01, 2, "line .*scope.repos: .*found list"),
    "a state's key without bucket": (
        setting("tfstate_keys: []", "tfstate_keys: [a]"), CHG01, 2, "line .*tfstate_keys.0: .*found 'a'",
    ),
    "a parameter that there is not": (
        setting("parameters: {}", "parameters: {P_FOO: 1}"), CHG01, 2, "P_FOO is not known; valid are",
    ),
    "a parameter of another kind": (
        setting("parameters: {}", "parameters: {P_LATE: soon}"), CHG01, 2, "P_LATE counts hours, found 'soon'",
    ),
    "a source that there is not": (
        setting("sources: {}", "sources: {gitlab: {}}"), ("run", "--date", DAY), 2, "no source 'gitlab'; there are",
    ),
    "a source's setting that there is not": (
        setting("sources: {}", "sources: {github: {organization: a}}"), ("run", "--date", DAY), 2,
        "unknown setting 'organization'; valid are",
    ),
    "a secret that is not set": (
        setting("sources: {}", "sources: {github: {organisation: a, token_from: NO_SUCH}}"), ("run", "--date", DAY), 2,
        "variable NO_SUCH is empty or not set",
    ),
    "no source": (nothing, ("collect", "--period", DAY), 2, "no source is configured"),
    "a store of an unknown kind": (added("store: {url: 'ftp:x'}"), ("status",), 2, "unknown scheme 'ftp'; valid: file"),
    "a store without credentials": (added("store: {url: 's3://b'}"), IMPORT, 3, "Unable to locate credentials"),
    "a store that cannot be written": (locker_is_a_file, IMPORT, 3, "File exists|Not a directory"),
    "a source's file that there is not": (
        setting("sources: {}", "sources: {vault: {devices: {a: gone.log}}}"), ("collect", "--period", DAY), 3,
        "gone.log: there is no such log",
    ),
    "an unknown period": (nothing, ("test", "--period", "2026Q9"), 2, "'2026Q9' is not understood; valid are 2025Q4"),
    "a period that ends before it begins": (
        nothing, ("run", "--period", "2026-07-02..2026-07-01"), 2, "is not understood; valid are",
    ),
    "a date that is a quarter": (nothing, ("run", "--date", "2026Q3"), 2, "--date takes one day"),
    "a pack about nothing": (nothing, ("pack", "--period", "2024Q1"), 2, "nothing was collected yet"),
    "an unknown stream": (nothing, ("import", "no.such", "one.jsonl"), 2, "no.such"),
    "a file that there is not": (nothing, ("import", "github.audit_log", "gone"), 2, "neither a file nor a folder"),
    "an unknown control": (nothing, ("test", "--control", "XXX-01"), 2, "not in the catalogue; there are"),
    "no SQL": (nothing, ("sql", "SELEC 1"), 2, "not SQL that DuckDB reads"),
    "SQL that writes": (nothing, ("sql", "DROP TABLE x"), 2, "one SELECT is asked for, found DROP"),
    "a lake without its catalogue": (no_catalogue, CHG01, 3, "catalogue .* cannot be read"),
    "a lake without its catalogue, in SQL": (
        no_catalogue, ("sql", "FROM github_audit_log"), 3, "catalogue .* cannot be read",
    ),
    "a table's file that is cut": (cut("lake/**/*.parquet"), CHG01, 3, "missing or broken: .*parquet"),
    "a table's file that is gone": (removed("lake/**/*.parquet"), ("build",), 3, "missing or broken: .*parquet"),
    "a table's file that is gone, in SQL": (
        removed("lake/**/*.parquet"), ("sql", "FROM github_audit_log"), 3, "missing or broken: .*parquet",
    ),
    "a table without its metadata": (removed("lake/**/*.metadata.json"), ("status",), 3, "missing or broken: .*json"),
    "a receipt that is cut": (
        cut("locker/objects/receipts/**/*.json"), ("build", "--rebuild"), 1, "holds no receipt in canonical form",
    ),
    "a capture that is cut": (cut("locker/objects/captures/**/*"), ("build", "--rebuild"), 1, "was read back with SHA"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_wrong_use_is_one_screen(home: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    """What was asked, what was found, what to do; the exit code; and nothing that counts is written."""
    prepare, argv, code, message = CASES[case]
    prepare(home)
    before = written(home)
    capsys.readouterr()
    assert main(list(argv)) == code
    told = capsys.readouterr().err
    check_screen(told, argv[0])
    assert re.search(message, told, re.DOTALL), told
    assert written(home) == before


def check_screen(told: str, verb: str) -> None:
    """The verb, a next step, no traceback, and no more than a screen."""
    said = told[told.index(f"evidence {verb}: ") :]
    assert "\nNext: " in said, told
    assert "Traceback" not in told
    assert len(told.splitlines()) <= SCREEN


def test_a_token_that_has_expired_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    """Exit 3, what to do, not every day of a quarter asked in vain."""
    monkeypatch.setenv("GITHUB_TOKEN", "expired")
    setting("sources: {}", f"sources: {GITHUB.replace('PORT', str(port))}")(home)
    assert main(["collect", "--period", "2026-07"]) == 3
    told = capsys.readouterr().err
    assert "status 401" in told
    assert "Next: The token is expired or revoked: issue a new one." in told
    assert len(told.splitlines()) <= SCREEN
    assert not received(home)


def test_a_source_that_does_not_answer_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 3 after the attempts of one day, and nothing counts as received."""
    monkeypatch.setenv("GITHUB_TOKEN", "good")
    monkeypatch.setattr(github, "Patience", partial(Patience, sleep=lambda _: None, attempts=2))
    setting("sources: {}", f"sources: {GITHUB.replace('PORT', '9')}")(home)
    assert main(["collect", "--period", "2026-07"]) == 3
    told = capsys.readouterr().err
    assert "no whole answer in 2 attempts" in told
    assert "Next: Nothing of this window was taken; it is asked again at the next run." in told
    assert len(told.splitlines()) <= SCREEN
    assert not received(home)


def test_truncated_files_are_counted_not_fatal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`import` completes: what a cut file still says is stored, the rest is quarantined with its position."""
    (home / "cut.json").write_text(json.dumps([EVENT, EVENT | {"_document_id": "b"}])[:-9])
    (home / "cut.gz").write_bytes(b"\x1f\x8b\x08\x00cut")
    assert main(["import", "--json", "github.audit_log", "cut.json", "cut.gz", "one.jsonl"]) == 0
    for item in json.loads(capsys.readouterr().out):
        counts = [item[name] for name in ("stored", "duplicate", "conflict", "quarantined")]
        assert item["received"] == sum(counts)
        assert bool(item["quarantined"]) == item["file"].startswith("cut")


def test_a_broken_table_is_mended_by_a_rebuild(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the message says: afterwards the same question has its answer."""
    for spoil in (cut("lake/**/*.parquet"), removed("lake/**/*.metadata.json")):
        spoil(home)
        assert main(["build", "--rebuild"]) == 0
        capsys.readouterr()
        assert main(["sql", "SELECT count(*) AS n FROM github_audit_log"]) == 0
        assert "\n1\n" in capsys.readouterr().out
    shutil.rmtree(home / "var" / "lake")
    assert main(["build"]) == 0


@pytest.mark.slow
def test_a_failed_run_has_the_exit_code_of_its_cause(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Through Dagster too: what failed first is told, with its step, and the next run goes on."""
    setting("sources: {}", "sources: {vault: {devices: {a: gone.log}}}")(home)
    assert main(["run", "--date", DAY]) == 3
    told = capsys.readouterr().err
    assert "evidence run: collect_vault: " in told
    assert "gone.log: there is no such log" in told
    assert "Next: Correct the path" in told
    assert not received(home)
