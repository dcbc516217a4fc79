"""Sections of a pack: found by their files, filled from answers, and told by name where they do not fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import duckdb
import pytest

from evidence.errors import ControlError
from reports.pack.sections import SECTIONS, render, sections

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sections and the document around them."""
    files = {
        "_document.html": "<body>{% for part in body %}{{ part | safe }}|{% endfor %}</body>",
        "_part.html": "never a section",
        "20_second.html": "second {{ pack.name }}",
        "10_first.html": "first {% for row in rows %}{{ row.name }}={{ row.n | thousands }};{% endfor %}{{ more }}",
        "10_first.rows.sql": "SELECT 'a<b>' AS name, 1234567 AS n UNION ALL SELECT 'c', 2 ORDER BY n DESC",
        "10_first.more.sql": "SELECT 1 AS x WHERE false",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def filled(folder: Path) -> str:
    """The document."""
    return render(duckdb.connect(), {"pack": {"name": "Q4 & more"}}, folder)


def test_a_section_is_its_files(folder: Path) -> None:
    """In the order of their numbers, each with its questions; files that begin with _ are no sections."""
    assert [(s.name, sorted(s.questions)) for s in sections(folder)] == [
        ("10_first", ["more", "rows"]),
        ("20_second", []),
    ]
    (folder / "15_new.html").write_text("new")
    assert [s.name for s in sections(folder)] == ["10_first", "15_new", "20_second"]


def test_answers_are_rows_and_every_text_is_escaped(folder: Path) -> None:
    """What a system of record said is shown as text, never as markup; an empty answer is an empty list."""
    assert filled(folder) == "<body>first a&lt;b&gt;=1,234,567;c=2;[]|second Q4 &amp; more|</body>"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("10_first.rows.sql", "SELECT * FROM nothing", "section 10_first: question rows cannot be answered: .*nothing"),
        ("10_first.rows.sql", "SELEC 1", "section 10_first: question rows cannot be answered: .*Parser"),
        ("10_first.pack.sql", "SELECT 1", "section 10_first: question pack has the name of what every section sees"),
        ("30_gone.rows.sql", "SELECT 1", r"section question 30_gone\.rows\.sql has no template 30_gone\.html"),
        ("20_second.html", "{{ nothing.here }}", r"section template 20_second\.html cannot be filled: 'nothing' is"),
        ("20_second.html", "{% for %}", r"section template 20_second\.html cannot be filled"),
        ("20_second.html", "{{ None | thousands }}", r"section template 20_second\.html cannot be filled"),
        ("20_second.html", "{{ heat([{'a': 1, 'b': 2, 'c': 'odd'}], row='a', column='b', status='c', title='') }}",
         r"section template 20_second\.html cannot be filled: status 'odd' has no colour"),
        ("_document.html", "{{ missing }}", r"section template _document\.html cannot be filled"),
    ],
)  # fmt: skip
def test_a_section_that_does_not_fit_is_told_by_name(folder: Path, name: str, text: str, message: str) -> None:
    """A pack never comes out with a hole: the section, the question and the reason."""
    (folder / name).write_text(text)
    with pytest.raises(ControlError, match=message):
        filled(folder)


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (None, ""),
        (datetime(2026, 7, 1, 4, 0, 0, 999_999, tzinfo=UTC), "2026-07-01 04:00:00Z"),
        (datetime(2026, 7, 1, 4, tzinfo=timezone(timedelta(hours=2))), "2026-07-01 02:00:00Z"),
    ],
)
def test_instants_are_shown_in_utc(folder: Path, moment: datetime | None, shown: str) -> None:
    """The Z is true whatever zone the answer came in; a time without a zone is an error."""
    (folder / "20_second.html").write_text("{{ pack | instant }}")
    assert f"|{shown}|" in render(duckdb.connect(), {"pack": moment}, folder)
    with pytest.raises(ControlError, match="names no time zone"):
        render(duckdb.connect(), {"pack": datetime(2026, 7, 1)}, folder)  # noqa: DTZ001 - that is the point


def test_rendering_twice_gives_the_same_bytes(folder: Path) -> None:
    """Nothing but the answers decides."""
    assert filled(folder) == filled(folder)


def test_the_sections_that_ship_are_whole() -> None:
    """Each has a number, a name of its own and questions that one statement answers."""
    shipped = list(sections())
    assert len(shipped) > 5
    numbers = [section.name[:2] for section in shipped]
    assert numbers == sorted(set(numbers))
    assert all(number.isdigit() for number in numbers)
    assert (SECTIONS / "_document.html").is_file()
    for section in shipped:
        for name, sql in section.questions.items():
            assert len(duckdb.extract_statements(sql)) == 1, f"{section.name}.{name}"
            assert name in (SECTIONS / section.template).read_text(), f"nobody shows {section.name}.{name}"
