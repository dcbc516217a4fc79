"""Sheets are checked whole, with messages that say what to mend."""

from __future__ import annotations

import shutil
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from controls.definitions import CATALOG, catalogue, control, in_force
from controls.sheet import parameter_defaults
from evidence.config import LATE_HOURS
from evidence.errors import ControlError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A catalogue of one control."""
    for name in ("CHG-11.yaml", "CHG-11.sql"):
        shutil.copy(CATALOG / name, tmp_path / name)
    return tmp_path


def rewrite(folder: Path, name: str = "CHG-11.yaml", **changes: Any) -> None:
    """Change fields of the control's sheet; None takes one away."""
    sheet = yaml.safe_load((folder / "CHG-11.yaml").read_text(encoding="utf-8"))
    sheet = {key: value for key, value in (sheet | changes).items() if value is not None}
    (folder / name).write_text(yaml.safe_dump(sheet), encoding="utf-8")


def test_every_sheet_is_valid() -> None:
    """The catalogue loads; its controls stand in the order of their ids."""
    assert list(catalogue()) == sorted(catalogue())
    assert "CHG-01" in catalogue()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, r"CHG-11.yaml: field colour: Extra inputs are not permitted; found 'red'"),
        ({"title": None}, r"CHG-11.yaml: field title: Field required"),
        ({"domain": "Chance"}, r"field domain: Input should be 'Access', 'Change'.*found 'Chance'"),
        ({"id": "CHG-12"}, r"fields id and version are CHG-12 and 1; by its name they are CHG-11 and 1"),
        ({"parameters": ["P_NOTHING"]}, r"parameters \['P_NOTHING'\]: valid are those of controls/parameters.yaml"),
        (
            {"attributes": {"A": {"text": "x", "population": "cars"}}},
            r"attribute A: population 'cars'; valid are versions",
        ),
        ({"attributes": {"aa": {"text": "x", "population": "versions"}}}, r"valid are single capital letters"),
        (
            {"attributes": {"A": {"text": "x", "population": "versions", "needs": ["gh.nothing"]}}},
            r"field attributes.A: stream 'gh.nothing' is not known; known are",
        ),
        (
            {"attributes": {"A": {"text": "x", "population": "versions", "approving": ["gh.review"]}}},
            r"approving streams \['gh.review'\] are not among its needs",
        ),
    ],
)
def test_message_names_the_field(folder: Path, changes: dict[str, Any], message: str) -> None:
    """A sheet that is not valid is named with field, what was found and what is valid."""
    rewrite(folder, **changes)

    with pytest.raises(ControlError, match=message):
        catalogue(folder)


def test_sheet_needs_a_question(folder: Path) -> None:
    """A sheet without SQL is refused."""
    (folder / "CHG-11.sql").unlink()

    with pytest.raises(ControlError, match=r"one file CHG-11.sql or CHG-11.<name>.sql is needed"):
        catalogue(folder)


def test_file_name_is_the_id(folder: Path) -> None:
    """A stray file in the catalogue is named."""
    (folder / "notes.yaml").write_text("a: 1", encoding="utf-8")

    with pytest.raises(ControlError, match=r"notes.yaml: valid names are <ID>.yaml"):
        catalogue(folder)


def test_versions_are_in_force_one_after_the_other(folder: Path) -> None:
    """A later version decides from its first day on; each version's digest differs, and the control's from both."""
    rewrite(folder, "CHG-11.v2.yaml", version=2, effective_from=date(2024, 2, 1), title="Stricter")
    shutil.copy(folder / "CHG-11.sql", folder / "CHG-11.v2.sql")
    held = catalogue(folder)["CHG-11"]

    assert [v.sheet.version for v in held.versions] == [1, 2]
    assert in_force(held.versions, date(2024, 1, 31)) is held.versions[0]
    assert in_force(held.versions, date(2024, 2, 1)) is held.versions[1]
    assert len({held.sha256, *(v.sha256 for v in held.versions)}) == 3
    assert held.sheet.title == "Stricter"


def test_versions_must_not_overtake(folder: Path) -> None:
    """Two versions from the same day are refused."""
    rewrite(folder, "CHG-11.v2.yaml", version=2)
    shutil.copy(folder / "CHG-11.sql", folder / "CHG-11.v2.sql")

    with pytest.raises(ControlError, match=r"effective_from of its versions are .* each must be later"):
        catalogue(folder)


def test_digest_follows_every_byte(folder: Path) -> None:
    """A changed question is another definition."""
    before = catalogue(folder)["CHG-11"].sha256
    (folder / "CHG-11.sql").write_text(
        "-- changed\n" + (folder / "CHG-11.sql").read_text(encoding="utf-8"), encoding="utf-8"
    )
    catalogue.cache_clear()

    assert catalogue(folder)["CHG-11"].sha256 != before


def test_unknown_control_lists_the_valid_ones() -> None:
    """Asking for a control that is not there says which are."""
    with pytest.raises(ControlError, match=r"'CHG-99' is not in the catalogue; there are APD-01, "):
        control("CHG-99")


def test_the_freeze_of_the_configuration_is_the_catalogues() -> None:
    """P_LATE has one default, wherever it is asked for."""
    assert int(parameter_defaults()["P_LATE"]["value"]) == LATE_HOURS
