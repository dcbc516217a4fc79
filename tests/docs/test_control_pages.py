"""The generated pages of the controls are those that the catalogue gives today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controls.definitions import catalogue
from controls.pages import INDEX, main, pages
from tests.docs.handbook import ROOT, page

if TYPE_CHECKING:
    from pathlib import Path


def test_pages_are_fresh() -> None:
    """`make docs` was run after the last change of a sheet, a question or a parameter."""
    page("docs/controls/README.md")
    held = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs/controls").glob("*.md")}
    wanted = pages(catalogue())

    stale = sorted(name for name in held.keys() | wanted.keys() if held.get(name) != wanted.get(name))
    assert stale == [], "run `make docs` and commit docs/controls"


def test_a_page_holds_what_decides() -> None:
    """Every attribute's text, every parameter and the whole SQL of every control."""
    for name, text in pages(catalogue()).items():
        if name == INDEX:
            continue
        version = catalogue()[name.removesuffix(".md")].versions[-1]
        plain = " ".join(text.split())
        for attribute in version.sheet.attributes.values():
            assert " ".join(attribute.text.split()).replace("|", "\\|") in plain
        for question in version.questions.values():
            assert question.rstrip() in text
        assert all(f"`{parameter}`" in text for parameter in version.sheet.parameters)


def test_the_index_lists_every_control_and_parameter() -> None:
    """Nothing of the catalogue is left out of the first page."""
    index = pages(catalogue())[INDEX]
    assert all(f"[{name}]({name}.md)" in index for name in catalogue())
    assert "| `P_LATE` | 72 |" in index


def test_the_folder_is_the_generators(tmp_path: Path) -> None:
    """The page of a control that is gone goes too."""
    (tmp_path / "CHG-99.md").write_text("gone")
    main(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(pages(catalogue()))
