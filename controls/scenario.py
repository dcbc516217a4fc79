"""Run a scenario folder through import, build and test in a throwaway home, and compare with what it expects.

- A scenario's record replaces the base record with the same natural key; all others are added.
- Everything goes the public way: files into the locker, captures into tables, questions to the tables.
- `expected.json` is read as the scenarios' README says; what is not listed there is not asserted.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from controls.definitions import catalogue
from controls.engine import test
from controls.results import EXCEPTION, MEMBERSHIP, NOT_APPLICABLE, PASS, ControlResult
from controls.scope import prepare
from evidence.custody import Custody
from evidence.errors import ConfigError
from evidence.periods import period
from evidence.stores.file import FileStore
from warehouse.build import Builder
from warehouse.connect import connect
from warehouse.lake import Lake
from warehouse.sheets import sheet_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import duckdb

Records = dict[str, list[list[str]]]  # alias -> deliveries, each a list of records as JSON text
Change = "Callable[[Records], Records]"

ABSENT = "ABSENT"  # the control has no such verdict
NOT_BUILT = "NOT_BUILT"  # the catalogue has no such control
_COLLECTOR = {"name": "scenario", "version": "1", "commit": "-"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one scenario folder.

    Attributes:
        id: the folder's name.
        expected: what `expected.json` asks, as rows (control, population, attribute, item, verdict); a conclusion is
            a row of population `conclusion`.
        actual: the same rows as found, then every other verdict that is not PASS or NOT_APPLICABLE, then the members
            of the populations that `expected.json` lists.
        unexpected: exceptions on clean items, or outside the listed populations; stray and lost members.
        not_built: controls that it asks for and the catalogue does not have.
    """

    id: str
    expected: list[dict[str, str]]
    actual: list[dict[str, str]]
    unexpected: list[dict[str, str]]
    not_built: list[str] = field(default_factory=list)

    @property
    def differences(self) -> list[tuple[dict[str, str], dict[str, str]]]:
        """Expected rows with the actual ones that differ from them."""
        return [(e, a) for e, a in zip(self.expected, self.actual, strict=False) if e["verdict"] != a["verdict"]]

    @property
    def passed(self) -> bool:
        """Whether everything that is expected was found, and no exception besides."""
        return not self.differences and not self.unexpected

    def as_json(self) -> dict[str, Any]:
        """As `scenario --json` prints it."""
        return {
            "id": self.id, "passed": self.passed, "expected": self.expected, "actual": self.actual,
            "unexpected_exceptions": self.unexpected, "not_built": self.not_built,
        }  # fmt: skip


def run(
    folder: Path,
    base: Path,
    *,
    controls: Sequence[str] | None = None,
    change: Callable[[Records], Records] | None = None,
) -> Outcome:
    """Run one scenario folder.

    Args:
        folder: has `expected.json` and `records/`.
        base: the compliant surroundings: `scope.json` and `records/`.
        controls: ids to compare; None for all that the folder names.
        change: alters the folder's own records before they meet the base, for metamorphic tests.
    """
    expected = _json(folder / "expected.json")
    scope = _json(base / "scope.json")
    own = {alias: [records] for alias, records in _read(folder).items()}
    with session(merged(_read(base), change(own) if change else own), scope) as con:
        results = judged(con, scope)
    return compare(folder.name, expected, results, controls)


def judged(con: duckdb.DuckDBPyConnection, scope: Mapping[str, Any]) -> dict[str, ControlResult]:
    """The results of every control of the catalogue over the scope's own period."""
    named = scope["period"]
    span = period(named["name"], zone=named["tz"])
    frozen = datetime.fromisoformat(named["freeze_at"])
    return {result.control.id: result for result in test(con, catalogue().values(), span, freeze_at=frozen)}


@contextmanager
def session(records: Records, scope: Mapping[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session over `records` that went through locker and lake of a throwaway home."""
    zone, now = scope["period"]["tz"], datetime.fromisoformat(scope["period"]["freeze_at"])
    with TemporaryDirectory(prefix="scenario-") as name:
        home = Path(name)
        custody = Custody(FileStore(home / "locker"), collector=_COLLECTOR)
        for alias, deliveries in sorted(records.items()):
            for number, delivery in enumerate(deliveries):
                path = home / f"{alias}.{number}.jsonl"
                path.write_text("".join(f"{line}\n" for line in delivery), encoding="utf-8")
                custody.keep_file(sheet_of(alias).stream, path, name=path.name, now=now)
        lake = Lake(home / "lake")
        (home / "scratch").mkdir()
        Builder(custody, lake, zone=zone, scratch=home / "scratch").build()
        con = connect(lake)
        try:
            prepare(con, scope, zone=zone)
            yield con
        finally:
            con.close()


def merged(base: Mapping[str, list[str]], own: Records) -> Records:
    """The base's records without those that a scenario's own records replace, and the scenario's own."""
    held: Records = {}
    for alias in sorted({*base, *own}):
        paths = sheet_of(alias).key_paths
        replaced = {_key(json.loads(line), paths) for delivery in own.get(alias, ()) for line in delivery}
        kept = [line for line in base.get(alias, ()) if _key(json.loads(line), paths) not in replaced]
        held[alias] = [*([kept] if kept else []), *own.get(alias, ())]
    return held


def compare(
    name: str, expected: Mapping[str, Any], results: Mapping[str, ControlResult], controls: Sequence[str] | None
) -> Outcome:
    """What a scenario expects beside what was found, for all its controls or those named."""
    asked = [
        *(
            {k: row[k] for k in ("control", "population", "attribute", "item", "verdict")}
            for row in expected["expected"]
        ),
        *(
            {
                "control": c["control"],
                "population": "conclusion",
                "attribute": MEMBERSHIP,
                "item": c["control"],
                "verdict": c["conclusion"],
            }
            for c in expected.get("conclusions", ())
        ),
    ]
    asked = [row for row in asked if controls is None or row["control"] in controls]
    actual = [{**row, **_found(row, results)} for row in asked]
    listed = {c: items for c, items in expected.get("population", {}).items() if controls is None or c in controls}
    clean = {
        (c["control"], c["item"]) for c in expected.get("clean", ()) if controls is None or c["control"] in controls
    }
    named = {row["control"] for row in asked} | set(listed) | {control for control, _ in clean}
    built = [results[control] for control in sorted(named) if control in results]
    members = {result.control.id: _members(result, asked) for result in built}
    unexpected = [row for result in built for row in _unexpected(result, listed, clean, members[result.control.id])]
    for result in built:
        actual += [_row(result.control.id, v) for v in result.verdicts if v.verdict not in (PASS, NOT_APPLICABLE)]
        if result.control.id in listed:
            actual += [_member(result.control.id, *member) for member in members[result.control.id]]
    return Outcome(name, asked, actual, unexpected, sorted(named - set(results)))


def _found(row: Mapping[str, str], results: Mapping[str, ControlResult]) -> dict[str, str]:
    result = results.get(row["control"])
    if result is None:
        return {"verdict": NOT_BUILT, "reason": "the catalogue has no such control"}
    if row["population"] == "conclusion":
        return {"verdict": result.conclusion, "reason": result.why}
    for verdict in result.verdicts:
        if (verdict.population, verdict.attribute, verdict.subject) == (
            row["population"],
            row["attribute"],
            row["item"],
        ):
            return {"verdict": verdict.verdict, "reason": verdict.reason}
    if row["attribute"] == MEMBERSHIP and row["population"] != "population":
        there = any(row["item"] in p.subjects for p in result.populations if p.name == row["population"])
        return {"verdict": PASS if there else NOT_APPLICABLE, "reason": "a member" if there else "no member"}
    return {"verdict": ABSENT, "reason": "no such verdict"}


def _members(result: ControlResult, asked: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Population and subject of the members that a list of `population` speaks of.

    These are the populations that the expected verdicts name, or all if they name none. What stands for a whole
    population is no member.
    """
    named = {row["population"] for row in asked if row["control"] == result.control.id}
    spoken = [p for p in result.populations if p.name in named] or list(result.populations)
    return [(p.name, subject) for p in spoken for subject in p.subjects if not subject.startswith("population:")]


def _unexpected(
    result: ControlResult,
    listed: Mapping[str, Sequence[str]],
    clean: set[tuple[str, str]],
    members: Sequence[tuple[str, str]],
) -> Iterator[dict[str, str]]:
    control = result.control.id
    for verdict in result.of(EXCEPTION):
        whole = verdict.subject.startswith("population:")  # stands for members, is none
        outside = control in listed and verdict.subject not in listed[control] and not whole
        if outside or (control, verdict.subject) in clean:
            yield _row(control, verdict)
    if control in listed:
        for population, subject in members:
            if subject not in listed[control]:
                yield {**_member(control, population, subject), "reason": "a member that is not expected"}
        for subject in sorted(set(listed[control]) - {s for _, s in members}):
            yield {
                **_member(control, "", subject),
                "verdict": ABSENT,
                "reason": "an expected member that was not found",
            }


def _row(control: str, verdict: Any) -> dict[str, str]:
    return {
        "control": control, "population": verdict.population, "attribute": verdict.attribute, "item": verdict.subject,
        "verdict": verdict.verdict, "reason": verdict.reason,
    }  # fmt: skip


def _member(control: str, population: str, subject: str) -> dict[str, str]:
    return {"control": control, "population": population, "attribute": MEMBERSHIP, "item": subject, "verdict": PASS}


def _read(folder: Path) -> dict[str, list[str]]:
    """Alias -> records of a folder, as their exact text."""
    files = sorted((folder / "records").glob("*.jsonl"))
    if not files:
        raise ConfigError(
            f"{folder}: there is no records/*.jsonl",
            next_step="Name a scenario folder: it has expected.json and records/<alias>.jsonl.",
        )
    return {f.stem: [line for line in f.read_text(encoding="utf-8").splitlines() if line.strip()] for f in files}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path} is not there",
            next_step="Name a scenario folder; and by --base the base folder, if it is not `base` beside their parent.",
        ) from error
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error


def _key(record: Mapping[str, Any], paths: Sequence[str]) -> str:
    """The natural key of a record, as comparable text."""
    return json.dumps([_at(record, path) for path in paths], sort_keys=True)


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(value, list):
            value = value[int(part)] if part.isdigit() and int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value
