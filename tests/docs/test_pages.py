"""The hand-written pages say what is there: folders, links, commands, errors, the example configuration."""

from __future__ import annotations

import importlib
import re
import shlex
import warnings
from typing import TYPE_CHECKING

import pytest

from cli.main import FAILED, _parser, _verbs, main
from evidence import errors
from evidence.config import load_config
from evidence.sources.registry import connector, names
from tests.docs.handbook import PACKAGES, ROOT, blocks, folders, page

if TYPE_CHECKING:
    from pathlib import Path

WORDS = 700
ADR_WORDS = 700
GENERATED = ("docs/data-dictionary.md", "docs/dora-side-by-side.md")


def written() -> list[str]:
    """Every hand-written page."""
    found = ["README.md", "deploy/permissions/README.md"]
    found += [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))]
    return [name for name in found if not name.startswith("docs/controls/") and name not in GENERATED]


def commands(text: str) -> list[str]:
    """Every `evidence …` and `make …` that a page shows, in blocks and in line."""
    in_line = re.findall(r"`((?:evidence|make) [^`\n]+)`", text)
    in_blocks = [
        line.partition(" #")[0].strip()
        for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    return [command for command in in_line + in_blocks if command]


def test_the_codemap_is_the_tree() -> None:
    """Each folder that holds files has a line, and each line a folder."""
    listed = re.findall(r"^\| `([\w./-]+)` \|", page("docs/architecture.md").partition("## Codemap")[2], re.MULTILINE)
    whole = [name for root in (*PACKAGES, "docs", "deploy") for name in folders(ROOT / root)]
    there = sorted([*whole, ".ci", "bench", "requirements", "scripts", "tests", "verifier"])

    assert listed == there


def test_layers_are_those_that_the_linter_holds() -> None:
    """The order of imports on the page is that of pyproject.toml."""
    layers = re.search(r'type = "layers"\nlayers = \[(.*?)\]', page("pyproject.toml"))
    assert layers
    shown = " → ".join(f"`{name}`" for name in re.findall(r'"(\w+)"', layers[1]))
    assert shown.replace("`cli` → `assets`", "`cli`, `assets`") in page("docs/architecture.md")


def test_links_lead_somewhere() -> None:
    """Every relative link of every page names a file of the repository."""
    page("README.md")
    links = [(name, target) for name in written() for target in re.findall(r"\]\(([^)#\s]+)", page(name))]
    local = [(name, target) for name, target in links if "://" not in target]
    broken = [f"{name}: {target}" for name, target in local if not (ROOT / name).parent.joinpath(target).exists()]
    assert broken == []


def test_commands_exist() -> None:
    """Each verb, option and make target that a page shows is one."""
    targets = set(re.findall(r"^([a-z-]+):", page("Makefile"), re.MULTILINE))
    parser = _parser(_verbs())
    seen = 0
    for name in written():
        for command in commands(page(name)):
            words = shlex.split(command)
            seen += 1
            if words[0] == "make":
                assert words[1] in targets, f"{name}: {command}"
            elif words[0] == "evidence" and words[1:] != ["VERB"]:
                _parses(parser, words[1:], f"{name}: {command}")
    assert seen > 20


def _parses(parser: object, words: list[str], where: str) -> None:
    if len(words) == 1 and words[0] in _verbs():
        return  # the verb is spoken of, not typed
    try:
        parser.parse_args(words)  # type: ignore[attr-defined]
    except SystemExit as error:
        if error.code == 0:
            return  # --help
        pytest.fail(f"{where}: not a command ({error})")


def test_nothing_else_is_typed() -> None:
    """Blocks of shell hold what the tests know: make, evidence, git, cd and settings of the environment."""
    known = {"make", "evidence", "git", "cd", "export"}
    for name in written():
        for block in blocks(name):
            if block.language == "sh":
                assert {line.split()[0] for line in block.text.splitlines() if line.strip()} <= known, name


def test_every_error_has_a_line() -> None:
    """The table of errors is evidence.errors, with their exit codes."""
    listed = dict(re.findall(r"^\| `(\w+)` \| (\d) \|", page("docs/operations.md"), re.MULTILINE))
    kinds = {
        kind.__name__: str(kind.exit_code)
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.EvidenceError) and kind is not errors.EvidenceError
    }
    assert listed == kinds


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    """It loads whole, and each source accepts its settings."""
    example = next(block.text for block in blocks("docs/operations.md") if block.language == "yaml")
    path = tmp_path / "evidence.yaml"
    path.write_text(example)
    config = load_config(path)
    assert set(config.sources) <= set(names())
    environ = {"GITHUB_APP_KEY": "key", "KUBERNETES_TOKEN": "token"}
    for system, settings in config.sources.items():
        connector(system).connect(settings, environ).close()


def test_decisions_are_listed_and_short() -> None:
    """The index has every decision; each says why, what was decided, and what was rejected, on about a page."""
    index = page("docs/adr/README.md")
    files = {path.name for path in (ROOT / "docs/adr").glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\| \[[\w-]+\]\(([\w-]+\.md)\)", index)) == files
    for name in files:
        text = page(f"docs/adr/{name}")
        assert {"## Why", "## Decided", "## Rejected"} <= set(re.findall(r"^## \w+", text, re.MULTILINE)), name
        assert len(text.split()) <= ADR_WORDS, name


def test_the_readme_is_short_and_names_the_packages_as_they_name_themselves() -> None:
    """At most 700 words; each package's row is the first line of its docstring."""
    text = page("README.md")
    assert len(text.split()) <= WORDS
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", text.partition("## Layers")[2].partition("\n## ")[0], re.MULTILINE)
    own = {name: (importlib.import_module(name).__doc__ or "").splitlines()[0] for name in PACKAGES}
    assert dict(rows) == own
    assert [name for name, _ in rows] == list(PACKAGES)


def test_the_readme_gives_every_exit_code() -> None:
    """The codes of the errors and of the command line, no other."""
    listed = set(re.findall(r"^\| (\d) \|", page("README.md").partition("## Exit codes")[2], re.MULTILINE))
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EvidenceError)
    ]
    assert listed == {"0", str(FAILED)} | {str(kind.exit_code) for kind in kinds}


def test_the_pictures_are_small_and_described() -> None:
    """Each has words for those who cannot see it, and is less than 150 kB."""
    shown = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page("README.md"))
    assert {target for _, target in shown} == {f"docs/images/{p.name}" for p in (ROOT / "docs/images").glob("*.png")}
    for words, target in shown:
        assert len(words) > 20
        assert (ROOT / target).stat().st_size < 150_000


@pytest.mark.slow
def test_the_readmes_way_into_a_company_is_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`init` gives a configuration that loads; a run without a source says what to name, with the stated code."""
    page("README.md")
    monkeypatch.chdir(tmp_path)
    assert main(["init", "acme", "--company", "Acme Payments"]) == 0
    monkeypatch.chdir(tmp_path / "acme")
    assert load_config(tmp_path / "acme" / "evidence.yaml").company == "Acme Payments"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's notices of what it will change
        assert main(["run", "--date", "2026-07-01"]) == 2
    assert "Next: Name your systems under `sources:`" in capsys.readouterr().err
