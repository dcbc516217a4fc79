"""The command line: which verb, which exit code, and one screen of plain words for every foreseeable error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

import cli
from cli import main as command
from cli.main import main
from evidence.errors import (
    ConfigError,
    ControlError,
    EvidenceError,
    IntegrityError,
    SourceRejected,
    SourceUnavailable,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(cli.__file__).resolve().parent.parent


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Puts one verb, `try`, in the place of all; it does what it is given."""

    def put(run: Callable[[Any], int]) -> None:
        module = SimpleNamespace(HELP="try it", arguments=lambda parser: parser.add_argument("--n", type=int), run=run)
        monkeypatch.setattr(command, "_verbs", lambda: {"try": module})

    return put


def raising(error: BaseException) -> Callable[[Any], NoReturn]:
    """A verb that fails."""

    def run(_: Any) -> NoReturn:
        raise error

    return run


@pytest.mark.parametrize("argv", [["nosuch"], [], ["try", "--nosuch"], ["try", "--n", "x"]])
def test_usage_is_exit_2(verb: Any, capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    """An unknown verb, none, an unknown option, a wrong value: what is valid, and exit 2."""
    verb(lambda _: 0)
    with pytest.raises(SystemExit, match="2"):
        main(argv)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("usage: evidence")
    assert "--help` tells what is valid.\n" in told.err
    assert "Traceback" not in told.err


def test_every_verb_has_its_line_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` lists each module of this folder that has HELP, and each says what it does."""
    verbs = command._verbs()
    assert {"init", "verify"} <= set(verbs)
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    listed = capsys.readouterr().out
    for name, module in verbs.items():
        assert name in listed
        assert module.HELP
        with pytest.raises(SystemExit, match="0"):
            main([name, "--help"])
        assert f"usage: evidence {name}" in capsys.readouterr().out


def test_a_verbs_exit_code_is_ours(verb: Any) -> None:
    """What the verb returns, with its arguments parsed."""
    verb(lambda args: args.n)
    assert [main(["try", "--n", str(n)]) for n in (0, 1)] == [0, 1]


@pytest.mark.parametrize(
    ("family", "code"),
    [
        (EvidenceError, 2), (ConfigError, 2), (ControlError, 2), (SourceUnavailable, 3), (SourceRejected, 3),
        (StoreError, 3), (IntegrityError, 1),
    ],
)  # fmt: skip
def test_a_foreseeable_error_is_one_screen(
    verb: Any, capsys: pytest.CaptureFixture[str], family: type[EvidenceError], code: int
) -> None:
    """The verb, what happened, what to do; no traceback; the exit code of the error's family."""
    verb(raising(family("what was asked\nand found", next_step="Do this.")))
    assert main(["try"]) == code
    assert capsys.readouterr() == ("", "evidence try: what was asked\nand found\nNext: Do this.\n")
    verb(raising(family("no step")))
    assert main(["try"]) == code
    assert capsys.readouterr() == ("", "evidence try: no step\n")


@pytest.mark.parametrize("argv", [["--verbose", "try"], ["try", "--verbose"]])
def test_verbose_shows_the_cause_and_keeps_the_exit_code(
    verb: Any, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    """Before or after the verb: the traceback with its cause, then the same screen and code."""

    def run(_: Any) -> NoReturn:
        raise StoreError("the disk is full", next_step="Free space.") from KeyError("the cause")

    verb(run)
    assert main(argv) == 3
    told = capsys.readouterr().err
    assert "KeyError: 'the cause'" in told
    assert "Traceback (most recent call last)" in told
    assert told.endswith("evidence try: the disk is full\nNext: Free space.\n")


def test_a_machine_that_refuses_is_one_screen(verb: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk or a missing permission outside the store: what and which file, exit 3."""
    verb(raising(PermissionError(13, "Permission denied", "/var/lib/x")))
    assert main(["try"]) == 3
    told = capsys.readouterr().err
    assert told.startswith("evidence try: the machine refused: [Errno 13] Permission denied: '/var/lib/x'\nNext: ")
    assert "Traceback" not in told


def test_a_defect_is_not_hidden(verb: Any) -> None:
    """What nobody foresaw keeps its traceback."""
    verb(raising(ZeroDivisionError("a defect")))
    with pytest.raises(ZeroDivisionError, match="a defect"):
        main(["try"])


def test_an_interrupt_is_exit_130(verb: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C: one line that says what counts, no traceback."""
    verb(raising(KeyboardInterrupt()))
    assert main(["try"]) == 130
    assert capsys.readouterr().err.startswith("Interrupted. Nothing half-written counts")


@pytest.mark.parametrize(("lines", "code"), [(1, 141), (200_000, 141)])
def test_a_reader_who_leaves_is_no_success(lines: int, code: int) -> None:
    """`evidence … | head`: quiet, and not exit 0, whether the pipe breaks at once or at the last flush."""
    script = (
        "import sys; from types import SimpleNamespace; from cli import main as m\n"
        f"def run(_):\n    sys.stdin.read()\n    [print('x' * 100) for _ in range({lines})]\n    return 0\n"
        "m._verbs = lambda: {'try': SimpleNamespace(HELP='', arguments=lambda p: None, run=run)}\n"
        "sys.exit(m.main(['try']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.close()
        assert (process.wait(60), process.stderr.read()) == (code, b"")


def test_a_missing_configuration_is_told_by_the_real_command(tmp_path: Path) -> None:
    """The installed command's own way in: exit 2 and what to do, from an empty folder."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "collect", "--period", "2026-07-01"], cwd=tmp_path, capture_output=True,
        text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "evidence collect: no configuration at evidence.yaml\n"
        "Next: Run `evidence init DIR` to make one, or name yours with --config.\n"
    )
    assert list(tmp_path.iterdir()) == []
