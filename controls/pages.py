"""Write a page per control from the catalogue: `python -m controls.pages docs/controls`.

- The folder is the generator's: a page whose control is gone is removed.
- What decides a verdict stands on the page: populations, attributes, parameters, and the questions' SQL.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controls.definitions import catalogue
from controls.sheet import parameter_defaults
from warehouse.connect import VIEWS
from warehouse.sheets import sheet_of, sheets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from controls.definitions import Control, Version
    from controls.sheet import Attribute, Sheet

INDEX = "README.md"
_MADE = "Generated from `controls/` by `python -m controls.pages docs/controls`; a test keeps it fresh."


def pages(controls: Mapping[str, Control]) -> dict[str, str]:
    """File name to text: a page per control, and the index with every parameter."""
    made = {f"{name}.md": "\n".join(_page(control)) + "\n" for name, control in controls.items()}
    return {INDEX: "\n".join(_index(controls.values())) + "\n", **made}


def main(folder: Path) -> None:
    """Write the pages of the catalogue into `folder`, and nothing else."""
    wanted = pages(catalogue())
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def _index(controls: Iterable[Control]) -> Iterator[str]:
    known = list(controls)
    yield f"# Controls\n\n{_MADE}\n"
    yield from _table(
        ("control", "title", "domain", "key", "attributes"),
        (
            (f"[{c.id}]({c.id}.md)", c.sheet.title, c.sheet.domain, "yes" if c.sheet.key else "",
             " ".join(c.sheet.attributes))
            for c in known
        ),
    )  # fmt: skip
    yield "\n## Parameters\n"
    yield "`scope.parameters` of the configuration wins over these defaults; a logged definition wins over both.\n"
    users = {name: [c.id for c in known if name in c.sheet.parameters] for name in parameter_defaults()}
    yield from _table(
        ("parameter", "default", "unit", "used by"),
        (
            (f"`{n}`", _value(held["value"]), str(held["unit"]), _links(users[n]))
            for n, held in parameter_defaults().items()
        ),
    )


def _page(control: Control) -> Iterator[str]:
    yield f"# {control.id} {control.sheet.title}\n\n{_MADE}"
    for version in control.versions:
        if len(control.versions) > 1:
            yield f"\n# Version {version.sheet.version}, effective from {version.effective_from}"
        yield from _version(version)


def _version(version: Version) -> Iterator[str]:
    sheet = version.sheet
    yield f"\n{sheet.objective}\n\n**Risk.** {sheet.risk}\n"
    yield from _table(("", ""), _facts(sheet))
    yield "\n## Populations\n"
    rows = ((name, p.member, f"`{p.key}`", _streams(p.streams)) for name, p in sheet.populations.items())
    yield from _table(("population", "member", "subject", "streams that must be whole"), rows)
    yield "\n## Attributes\n"
    yield from _table(
        ("", "asked of", "predicate", "rests on", "severity"),
        (
            (letter, ", ".join(a.populations), _predicate(a), _streams(a.needs), a.severity)
            for letter, a in sheet.attributes.items()
        ),
    )
    if sheet.parameters:
        defaults = parameter_defaults()
        yield "\n## Parameters\n"
        rows_of = ((f"`{n}`", _value(defaults[n]["value"]), str(defaults[n]["unit"])) for n in sheet.parameters)
        yield from _table(("parameter", "default", "unit"), rows_of)
    yield "\n## Frameworks\n"
    yield from _table(("framework", "requirements"), ((n, ", ".join(items)) for n, items in sheet.mapping.items()))
    yield from _questions(version)


def _facts(sheet: Sheet) -> Iterator[tuple[str, str]]:
    yield "domain", f"{sheet.domain}{', key control' if sheet.key else ''}"
    yield "owner", sheet.owner
    yield "nature", sheet.nature
    yield "frequency", "; ".join(f"{what}: {often}" for what, often in sheet.frequency.items())
    yield "tolerable exceptions", sheet.tolerable.text
    yield "severity", sheet.severity
    yield "completeness", sheet.completeness
    if sheet.compensating:
        yield "compensating", sheet.compensating


def _predicate(attribute: Attribute) -> str:
    approving = f" Approving: {_streams(attribute.approving)}." if attribute.approving else ""
    limitation = f" *Limitation:* {attribute.limitation}" if attribute.limitation else ""
    return f"{attribute.text}{approving}{limitation}"


def _questions(version: Version) -> Iterator[str]:
    yield "\n## Questions\n"
    words = {word for text in version.questions.values() for word in re.findall(r"\w+", re.sub(r"--[^\n]*", "", text))}
    views = [path.stem for path in sorted(VIEWS.glob("*.sql")) if path.stem in words]
    tables = sorted(sheet.table for sheet in sheets().values() if sheet.table in words)
    if views:
        yield "Shared views: " + ", ".join(f"[{name}](../../warehouse/views/{name}.sql)" for name in views) + ".\n"
    if tables:
        yield "Tables: " + ", ".join(f"[{name}](../data-dictionary.md#{name})" for name in tables) + ".\n"
    for name, text in version.questions.items():
        yield f"`{name}`\n\n```sql\n{text.rstrip()}\n```\n"


def _streams(names: Iterable[str]) -> str:
    return ", ".join(f"`{sheet_of(name).stream}`" for name in names)


def _links(ids: Iterable[str]) -> str:
    return ", ".join(f"[{name}]({name}.md)" for name in ids)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_value(item)}" for name, item in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |\n|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |".replace("  ", " ")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
