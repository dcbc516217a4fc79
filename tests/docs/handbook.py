"""Read the repository's own pages: fenced blocks, and the files that an example page writes."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("evidence", "warehouse", "controls", "reports", "assets", "cli", "demo")
_BLOCK = re.compile(
    r"^(?:`(?P<name>[\w./-]+)`:?\n\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `name` is the file that stands in backquotes on a line of its own before it, "" if none."""

    name: str
    language: str
    text: str


def page(name: str) -> str:
    """The text of a page of the repository; skips where only the wheel is tested, which ships no pages."""
    path = ROOT / name
    if not (ROOT / "README.md").is_file():
        pytest.skip("pages are tested on the source tree")
    return path.read_text(encoding="utf-8")


def blocks(name: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(m["name"] or "", m["language"], m["text"]) for m in _BLOCK.finditer(page(name))]


def example(name: str) -> dict[str, str]:
    """The files that an example page writes: path in the repository -> text."""
    return {block.name: block.text for block in blocks(name) if block.name}


def write(files: dict[str, str], folder: Path) -> None:
    """Write an example's files below `folder`; none may be there yet: an example edits nothing."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)


def copy_of_tree(folder: Path) -> Path:
    """A copy of what a commit may touch: packages, pages, the tests' own files."""
    for name in (*PACKAGES, "docs", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "test_*.py"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def folders(root: Path) -> list[str]:
    """Folders below `root` that hold files, as paths from the repository's root."""
    found = {path.parent.relative_to(ROOT).as_posix() for path in root.rglob("*") if path.is_file()}
    return sorted(name for name in found if "__pycache__" not in name)
