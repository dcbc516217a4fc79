"""Scenario folders: every expected verdict of the catalogue's controls, and what must not change them."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import pytest

from controls import scenario
from controls.definitions import catalogue
from controls.results import EXCEPTION, PASS
from evidence.errors import ConfigError
from tests.controls import metamorphic as change

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parent.parent.parent
CONTROLS = tuple(catalogue())


def folders() -> list[Path]:
    """The public scenario folders, wherever the shared data are."""
    root = Path(os.environ.get("EVIDENCE_SHARED", HERE.parent / "shared")) / "scenarios" / "dev"
    return sorted(item.parent for item in root.glob("*/expected.json"))


each = pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)


@cache
def usual(folder: Path) -> change.Verdicts:
    """The verdicts of a folder as it is."""
    return change.verdicts(change.rows(folder), base(folder), asked(folder))


def base(folder: Path) -> Path:
    """The surroundings of a folder."""
    return folder.parent.parent / "base"


def asked(folder: Path) -> tuple[str, ...]:
    """The controls of the catalogue that a folder is about."""
    named = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["controls"]
    return tuple(name for name in named if name in CONTROLS)


@each
def test_public_way_gives_what_is_expected(folder: Path) -> None:
    """Import, build and test: each expected verdict of a control that is built, and no exception besides."""
    outcome = scenario.run(folder, base(folder), controls=CONTROLS)

    assert outcome.differences == []
    assert outcome.unexpected == []
    assert outcome.not_built == []


@each
def test_order_and_repetition_change_nothing(folder: Path) -> None:
    """Records in another order, and each twice, have the same verdicts."""
    own = change.rows(folder)
    twice = {alias: [*held, *held] for alias, held in change.shuffled(own, 7).items()}

    assert change.verdicts(twice, base(folder), asked(folder)) == usual(folder)


@each
def test_names_change_nothing(folder: Path) -> None:
    """Logins are labels: with others in their place the verdicts are the same."""
    assert change.verdicts(change.renamed(change.rows(folder)), base(folder), asked(folder)) == usual(folder)


@each
def test_other_people_and_numbers_change_nothing(folder: Path) -> None:
    """With everybody, every repository and every number renamed, the same verdicts stand under the new names."""
    own = change.rows(folder)
    named = change.Renaming(own, base(folder))
    found = change.verdicts(
        {a: [named(r) for r in held] for a, held in own.items()}, base(folder), asked(folder), told=named
    )

    assert found == {(c, p, named(subject), a): v for (c, p, subject, a), v in usual(folder).items()}


@each
def test_missing_member_turns_no_exception_into_a_pass(folder: Path) -> None:
    """Without one record that makes a member, of one stream per folder, no exception becomes a pass."""
    own, lost = change.without_one_member(change.rows(folder), folder.name, asked(folder))
    if not lost:
        pytest.skip("the folder has no record that makes a member")
    found = change.verdicts(own, base(folder), asked(folder))
    cured = [key for key, verdict in usual(folder).items() if verdict == EXCEPTION and found.get(key) == PASS]

    assert (lost, cured) == (lost, [])


@each
def test_week_changes_nothing(folder: Path) -> None:
    """A folder that may be shifted has, a week later, the verdicts it had on the subjects a week later."""
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    if not expected["shiftable"]:
        pytest.skip("the folder is bound to its dates")
    shifted = {alias: change.later(held) for alias, held in change.rows(folder).items()}
    found = change.verdicts(shifted, base(folder), asked(folder))

    for row in expected["expected"]:
        if row["control"] in CONTROLS and row["attribute"] != "*":
            key = (row["control"], row["population"], change.later(row["item"]), row["attribute"])
            assert (key, found.get(key)) == (key, row["verdict"])


@each
def test_missing_approval_turns_no_exception_into_a_pass(folder: Path) -> None:
    """Without one approving record, whichever it is, no exception becomes a pass."""
    for name, own in change.without_one_approval(change.rows(folder)):
        found = change.verdicts(own, base(folder), asked(folder))
        cured = [key for key, verdict in usual(folder).items() if verdict == EXCEPTION and found.get(key) == PASS]
        assert (name, cured) == (name, [])


@pytest.mark.parametrize("name", ["S06", "S11", "S17", "S31", "S36"])
def test_two_fetches_change_nothing(shared: Path, name: str) -> None:
    """Records that arrive in two overlapping deliveries have the same verdicts as in one."""
    folder = shared / "scenarios" / "dev" / name

    def halves(records: scenario.Records) -> scenario.Records:
        return {a: [lines[: len(lines) // 2 + 1], lines[len(lines) // 2 :]] for a, (lines,) in records.items()}

    outcome = scenario.run(folder, base(folder), controls=CONTROLS, change=halves)

    assert outcome.passed


def test_missing_files_are_named(tmp_path: Path) -> None:
    """A folder without expectations, or without a base, is refused with what to do."""
    with pytest.raises(ConfigError, match=r"expected.json is not there"):
        scenario.run(tmp_path, tmp_path)
    (tmp_path / "expected.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"expected.json is no JSON"):
        scenario.run(tmp_path, tmp_path)
