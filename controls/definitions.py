"""Read the catalogue: one sheet (.yaml) and its questions (.sql) per control, found by folder.

- `CHG-01.yaml` is the control; `CHG-01.sql`, or `CHG-01.<population>.sql`, its questions.
- `CHG-01.v2.yaml` (with `CHG-01.v2.sql`) is a later version: it decides about events from its `effective_from` on.
- A sheet is checked whole; a `ControlError` names file, field, what was found and what is valid.

What a question returns, one row per member and attribute::

    population, subject, attribute, verdict, reason, event_time, evidence          always
    window_start, window_end   when the evidence that the verdict rests on was made (default: event_time)
    needs                      streams that this one answer rests on (default: the attribute's)
    changes                    keys of the changes whose emergency path (CHG-13) would exempt the item
    covers                     JSON of what the item is, for waivers: repo, rule, … (default: {"subject": …})

Rows of population `population` say what a question found out about its population as a whole: subject
`population:<day>`, attribute `*`, verdict INDETERMINATE, where something shows that a day hides members.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from controls.sheet import PARAMETERS, Sheet
from evidence.canonical import canonical, sha256
from evidence.errors import ConfigError, ControlError
from evidence.quick_yaml import load_yaml
from warehouse.connect import VIEWS
from warehouse.sheets import sheet_of

CATALOG = Path(__file__).with_name("catalog")
MACROS = Path(__file__).with_name("macros.sql")

_FILE = re.compile(r"(?P<id>[A-Z]{3}-\d\d)(?:\.v(?P<version>\d+))?")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a control with its questions.

    Attributes:
        sheet: the sheet, checked.
        questions: file name -> SQL.
        sha256: digest of the sheet's and the questions' exact bytes, of the shared views and of the macros.
        effective_from: the day, in the company's zone, from whose beginning its verdicts count.
    """

    sheet: Sheet
    questions: dict[str, str]
    sha256: str

    @property
    def effective_from(self) -> date:
        """First local day that this version decides about."""
        return self.sheet.effective_from


@dataclass(frozen=True, slots=True)
class Control:
    """A control with all its versions, oldest first."""

    id: str
    versions: tuple[Version, ...]

    @property
    def sheet(self) -> Sheet:
        """The newest version's sheet."""
        return self.versions[-1].sheet

    @property
    def sha256(self) -> str:
        """Digest of the control: its only version's, else one over all versions'."""
        digests = [version.sha256 for version in self.versions]
        return digests[0] if len(digests) == 1 else sha256(canonical(digests))


@cache
def catalogue(folder: Path = CATALOG) -> dict[str, Control]:
    """Every control of a folder by its id, in the order of ids.

    Raises:
        ControlError: a sheet that is not valid, with file, field, what was found and what is valid.
    """
    versions: dict[str, list[Version]] = {}
    for path in sorted(folder.glob("*.yaml")):
        found = _FILE.fullmatch(path.stem)
        if not found:
            raise ControlError(f"{path.name}: valid names are <ID>.yaml and <ID>.v<N>.yaml, as in CHG-01.yaml")
        versions.setdefault(found["id"], []).append(_version(path, found["id"], int(found["version"] or 1)))
    return {name: Control(name, tuple(_in_order(name, held))) for name, held in versions.items()}


def control(name: str) -> Control:
    """The control of an id; `ControlError` lists the valid ones."""
    known = catalogue()
    if name not in known:
        raise ControlError(
            f"control {name!r} is not in the catalogue; there are {', '.join(known)}",
            next_step="Use one of these ids.",
        )
    return known[name]


@cache
def _shared() -> dict[str, str]:
    """The digests of what all questions may rest on."""
    return {file.name: sha256(file.read_bytes()) for file in (*sorted(VIEWS.glob("*.sql")), MACROS, PARAMETERS)}


def _version(path: Path, name: str, number: int) -> Version:
    data = path.read_bytes()
    try:
        sheet = Sheet.model_validate(load_yaml(data))
    except yaml.YAMLError as error:
        raise ControlError(f"{path.name} is no YAML: {error}") from error
    except ValidationError as error:
        raise ControlError("\n".join(_finding(path, item) for item in error.errors())) from error
    if (sheet.id, sheet.version) != (name, number):
        raise ControlError(
            f"{path.name}: fields id and version are {sheet.id} and {sheet.version};"
            f" by its name they are {name} and {number}"
        )
    _check_streams(path, sheet)
    questions = {file.name: file.read_text(encoding="utf-8") for file in _questions(path)}
    if not questions:
        raise ControlError(
            f"{path.name}: there is no question; one file {path.stem}.sql or {path.stem}.<name>.sql is needed"
        )
    parts = {path.name: sha256(data), **{n: sha256(q.encode()) for n, q in questions.items()}, "shared": _shared()}
    return Version(sheet, questions, sha256(canonical(parts)))


def _questions(path: Path) -> list[Path]:
    files = [*path.parent.glob(f"{path.stem}.sql"), *path.parent.glob(f"{path.stem}.*.sql")]
    return sorted(file for file in files if not re.match(r"\.v\d", file.name.removeprefix(path.stem)))


def _in_order(name: str, versions: list[Version]) -> list[Version]:
    ordered = sorted(versions, key=lambda version: version.sheet.version)
    days = [version.effective_from for version in ordered]
    if days != sorted(set(days)):
        found = ", ".join(map(str, days))
        raise ControlError(
            f"{name}: effective_from of its versions are {found}; each must be later than the one before"
        )
    return ordered


def _check_streams(path: Path, sheet: Sheet) -> None:
    named = {f"populations.{n}": (*p.streams, *p.silence) for n, p in sheet.populations.items()}
    named |= {f"attributes.{n}": a.needs for n, a in sheet.attributes.items()}
    for field, streams in named.items():
        for stream in streams:
            try:
                sheet_of(stream)
            except ConfigError as error:
                raise ControlError(f"{path.name}: field {field}: {error}") from error


def _finding(path: Path, item: Any) -> str:
    field = ".".join(str(part) for part in item["loc"]) or "(the sheet)"
    found = "" if item["type"] in {"missing", "value_error"} else f"; found {item['input']!r}"
    return f"{path.name}: field {field}: {item['msg']}{found}"


def streams_of_controls() -> dict[str, list[str]]:
    """Control -> the streams that its populations and attributes rest on."""
    found = {}
    for name, control in catalogue().items():
        sheet = control.sheet
        needed = {stream for population in sheet.populations.values() for stream in population.streams}
        needed |= {stream for attribute in sheet.attributes.values() for stream in attribute.needs}
        found[name] = sorted({sheet_of(stream).stream for stream in needed})
    return found


def in_force(versions: tuple[Version, ...], day: date | datetime) -> Version:
    """The version that decides about a local day: the last one that is effective by then, else the first."""
    due = [
        version for version in versions if version.effective_from <= (day.date() if isinstance(day, datetime) else day)
    ]
    return (due or versions[:1])[-1]
