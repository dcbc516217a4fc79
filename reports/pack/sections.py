"""The sections of a pack: a template each, with the questions whose answers it shows.

- A section is `sections/NN_name.html` (Jinja) and any number of `NN_name.<question>.sql`; files of that name are all
  that a new section needs. NN gives the order. A question without its template is an error, not a section less.
- The answer of `NN_name.<question>.sql` is `<question>` in the template: a list of rows, each a dict.
- Questions see the tables of the assessment (reports.pack.facts), the metrics, and every table and view of the
  warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import jinja2

from evidence.errors import ControlError
from reports.pack import drawing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

SECTIONS = Path(__file__).with_name("sections")


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its template and its questions, by name."""

    name: str
    template: str
    questions: Mapping[str, str]


def sections(folder: Path = SECTIONS) -> Iterator[Section]:
    """The sections of `folder`, in order; `ControlError` for a question whose template is not there."""
    templates = {path.stem for path in folder.glob("*.html")}
    for sql in sorted(folder.glob("*.sql")):
        if sql.name.split(".", 1)[0] not in templates:
            raise ControlError(f"section question {sql.name} has no template {sql.name.split('.', 1)[0]}.html")
    for path in sorted(folder.glob("*.html")):
        if path.stem.startswith("_"):
            continue
        questions = {
            sql.stem.removeprefix(f"{path.stem}."): sql.read_text(encoding="utf-8")
            for sql in sorted(folder.glob(f"{path.stem}.*.sql"))
        }
        yield Section(path.stem, path.name, questions)


def render(con: duckdb.DuckDBPyConnection, common: Mapping[str, Any], folder: Path = SECTIONS) -> str:
    """The whole pack as one HTML document.

    Args:
        con: session that the questions are asked of.
        common: what every template sees: `pack`, see reports.pack.build.

    Raises:
        ControlError: a question that the session cannot answer, or a template that its answers do not fit, with the
            section's name.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters.update({"thousands": lambda n: f"{n:,}", "short": lambda text: text[:12], "instant": _instant})
    environment.globals.update(
        {
            "heat": drawing.heat,
            "trend": drawing.trend,
            "distribution": drawing.distribution,
            "calendar": drawing.calendar,
        }
    )
    body = []
    for section in sections(folder):
        answers = {name: _ask(con, section.name, name, sql) for name, sql in section.questions.items()}
        if hidden := answers.keys() & common.keys():
            raise ControlError(
                f"section {section.name}: question {min(hidden)} has the name of what every section sees"
            )
        body.append(_fill(environment, section.template, {**common, **answers}))
    return _fill(environment, "_document.html", {**common, "body": body})


def _fill(environment: jinja2.Environment, template: str, values: Mapping[str, Any]) -> str:
    try:
        return environment.get_template(template).render(values)
    except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
        raise ControlError(f"section template {template} cannot be filled: {error}") from error


def _ask(con: duckdb.DuckDBPyConnection, section: str, name: str, sql: str) -> list[dict[str, Any]]:
    try:
        cursor = con.execute(sql)
        columns = [column[0] for column in cursor.description or []]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    except duckdb.Error as error:
        raise ControlError(f"section {section}: question {name} cannot be answered: {error}") from error


def _instant(moment: datetime | None) -> str:
    if moment is None:
        return ""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} names no time zone, so that it is no instant")
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
