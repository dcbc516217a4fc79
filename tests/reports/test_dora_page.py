"""The published comparison is the one that the code makes."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from tests.docs.handbook import ROOT, page

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"


def test_the_published_comparison_is_current(shared: Path) -> None:
    """Writing the page again gives the committed page."""
    held = page("docs/dora-side-by-side.md")
    spec = importlib.util.spec_from_file_location("dora_side_by_side", DOCS / "dora_side_by_side.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert module.page(shared / "dora" / "scenario_s1") == held
