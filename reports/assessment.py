"""Keep what the controls found about a period, so that packs and people read it without asking again.

Derived state: `assessments/<period>.json` can be deleted and made anew. One that was made by other definitions than
those in the catalogue now is stale, and is refused.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from controls.definitions import catalogue
from controls.results import POPULATION, ControlResult, Members, Proof, Verdict
from evidence.errors import ConfigError
from evidence.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from evidence.periods import Period


def save(folder: Path, period: Period, results: Sequence[ControlResult]) -> Path:
    """Write the results; the file appears whole."""
    path = _path(folder, period)
    write_whole(path, json.dumps([result.as_json() for result in results]).encode())
    return path


def held(folder: Path, period: Period) -> bool:
    """Whether results of `period` are kept."""
    return _path(folder, period).is_file()


def load(folder: Path, period: Period) -> list[ControlResult]:
    """Read the results of a period.

    Raises:
        ConfigError: the period was not tested yet, or by other definitions.
    """
    path = _path(folder, period)
    if not path.is_file():
        raise ConfigError(f"{period.name} was not tested yet", next_step=f"Run `evidence pack --period {period.name}`.")
    return [_result(raw, period) for raw in json.loads(path.read_text(encoding="utf-8"))]


def _path(folder: Path, period: Period) -> Path:
    return folder / f"{period.file_stem}.json"


def _result(raw: dict[str, Any], period: Period) -> ControlResult:
    control = catalogue().get(raw["id"])
    if control is None or control.sha256 != raw["definition_sha256"]:
        raise ConfigError(
            f"{raw['id']} was tested by another definition than the one in the catalogue",
            next_step=f"Run `evidence pack --period {period.name}`, which asks it again.",
        )
    verdicts = tuple(_verdict(item) for item in raw["verdicts"])
    subjects: dict[str, set[str]] = {name: set() for name in control.sheet.populations}
    for verdict in verdicts:
        if verdict.population != POPULATION:
            subjects[verdict.population].add(verdict.subject)
    populations = tuple(Members(name, tuple(sorted(held))) for name, held in subjects.items())
    return ControlResult(control, raw["period"], raw["conclusion"], raw["why"], raw["severity"], populations, verdicts)


def _verdict(raw: dict[str, Any]) -> Verdict:
    event_time = datetime.fromisoformat(raw["event_time"]) if raw["event_time"] else None
    proofs = tuple(Proof(**proof) for proof in raw["evidence"])
    return Verdict(
        raw["population"], raw["subject"], raw["attribute"], raw["verdict"], raw["reason"], event_time, proofs,
        original=raw.get("original", ""),
    )  # fmt: skip
