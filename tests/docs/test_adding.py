"""The three pages that show how to add something: their examples are performed as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from weasyprint import HTML

from controls.cases import played
from controls.definitions import catalogue
from controls.memory import session
from controls.results import INEFFECTIVE
from evidence.periods import period
from reports.pack.facts import register
from reports.pack.sections import SECTIONS, render, sections
from tests.docs.handbook import ROOT, copy_of_tree, example, page, write

if TYPE_CHECKING:
    from pathlib import Path

CONTROL, SECTION, SOURCE = (f"docs/adding-a-{what}.md" for what in ("control", "section", "source"))
QUARTER = period("2024Q1", zone="UTC")
NOW = datetime(2024, 4, 10, tzinfo=UTC)
INCIDENTS = [
    {"id": "INC-1", "severity": "sev2", "service": "pay<roll>", "started_at": "2024-02-01T10:00:00Z",
     "created_at": "2024-02-01T10:05:00Z", "resolved_at": "2024-02-01T10:45:00Z"},
    {"id": "INC-2", "severity": "sev1", "service": "web", "started_at": "2024-03-30T10:00:00Z",
     "created_at": "2024-03-30T10:05:00Z"},
    {"id": "INC-3", "severity": "sev4", "service": "web", "started_at": "2024-04-30T10:00:00Z",
     "created_at": "2024-04-30T10:05:00Z"},
]  # fmt: skip


@pytest.mark.parametrize(("name", "most"), [(CONTROL, 80), (SECTION, 30), (SOURCE, 240)])
def test_an_example_is_a_commit_of_its_own_files(name: str, most: int) -> None:
    """It edits nothing that is there, and stays small enough to be read."""
    files = example(name)
    assert files
    assert [path for path in files if (ROOT / path).exists()] == []
    assert sum(text.count("\n") for text in files.values()) <= most


def test_the_control_is_found_and_judges(tmp_path: Path) -> None:
    """The two files in an empty catalogue: the sheet is valid, every case comes out, the conclusion follows."""
    write(example(CONTROL), tmp_path)
    known = catalogue(tmp_path / "controls/catalog")
    assert list(known) == ["OPS-90"]

    result, wrong = played(known["OPS-90"])
    assert wrong == []
    assert (result.conclusion, len(result.populations[0].subjects)) == (INEFFECTIVE, 3)


def test_the_section_is_found_and_drawn(tmp_path: Path) -> None:
    """The two files beside the frame: the period's incidents, escaped, in a PDF."""
    write(example(SECTION), tmp_path)
    folder = tmp_path / "reports/pack/sections"
    for name in ("_document.html", "_style.css"):
        shutil.copy(SECTIONS / name, folder)
    con = session({"inc": INCIDENTS}, {}, zone="UTC", now=NOW)
    register(con, [], pa.table({"metric": pa.array([], pa.string())}), QUARTER)
    about = {
        "id": "P", "title": "Pack", "company": "Example", "collector": {"version": "1"},
        "now_iso": "2024-04-10T00:00:00Z", "period": QUARTER,
    }  # fmt: skip

    html = render(con, {"pack": about}, folder)
    con.close()

    assert [(s.name, list(s.questions)) for s in sections(folder)] == [("85_incidents", ["incidents"])]
    rows = re.findall(r"<tr><td>(.*?)</td></tr>", html)
    assert [re.sub(r"</td><td[^>]*>", "|", row) for row in rows] == [
        "INC-1|sev2|pay&lt;roll&gt;|2024-02-01 10:00:00Z|45",
        "INC-2|sev1|web|2024-03-30 10:00:00Z|open",
    ]
    assert HTML(string=html, base_url=str(folder)).write_pdf().startswith(b"%PDF-")


@pytest.mark.slow
def test_the_source_collects_and_every_addition_is_an_asset(tmp_path: Path) -> None:
    """In a copy of the tree with all three examples: the source's own test and lint pass; Dagster shows each."""
    page(SOURCE)
    tree = copy_of_tree(tmp_path)
    for name in (CONTROL, SECTION, SOURCE):
        write(example(name), tree)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tree), "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*words: str) -> None:
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=tree, env=environ, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr

    run("-m", "pytest", "-q", "tests/evidence/test_source_rota.py")
    run("-m", "ruff", "check", *(path for path in example(SOURCE) if path.endswith(".py")))
    run("-c", _LOOK)


_LOOK = """
import warnings; warnings.simplefilter("ignore")
import evidence, pathlib
assert pathlib.Path(evidence.__file__).parents[1] == pathlib.Path.cwd()
from assets.definitions import day_selection, defs
from reports.pack.sections import sections
graph = defs.resolve_asset_graph()
known = {"/".join(key.path) for key in graph.get_all_asset_keys()}
assert {"evidence/rota/shifts", "warehouse/rota_shifts", "controls/OPS_90"} <= known
assert {"/".join(key.path) for key in day_selection(["rota"])} == {"evidence/rota/shifts", "warehouse/rota_shifts"}
assert "85_incidents" in [section.name for section in sections()]
"""
