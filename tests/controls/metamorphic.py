"""Change a scenario's records in ways that must not change its verdicts, or must not turn an exception into a pass."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from controls import memory, scenario
from controls.definitions import catalogue
from controls.engine import test as judge
from evidence.periods import period

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

Rows = dict[str, list[dict[str, Any]]]
Verdicts = dict[tuple[str, str, str, str], str]  # control, population, subject, attribute -> verdict

APPROVING = (
    "gh.review", "gh.approval", "itsm.ticket", "waiver", "retro_review", "bg_review", "postmortem", "uar", "provenance",
    "job_run", "ev.positive_control",
)  # fmt: skip
WEEK = timedelta(days=7)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d)?")


def rows(folder: Path) -> Rows:
    """The records of a folder."""
    return {
        file.stem: [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        for file in sorted((folder / "records").glob("*.jsonl"))
    }


def verdicts(own: Rows, base: Path, controls: Sequence[str]) -> Verdicts:
    """Every verdict of `controls` over a scenario's records in their surroundings."""
    scope = json.loads((base / "scope.json").read_text(encoding="utf-8"))
    texts = {alias: [json.dumps(row) for row in held] for alias, held in rows(base).items()}
    met = scenario.merged(texts, {alias: [[json.dumps(row) for row in held]] for alias, held in own.items()})
    records = {alias: [json.loads(line) for lines in parts for line in lines] for alias, parts in met.items()}
    named = scope["period"]
    frozen = datetime.fromisoformat(named["freeze_at"])
    con = memory.session(records, scope, zone=named["tz"], now=frozen)
    try:
        wanted = [catalogue()[name] for name in controls]
        results = judge(con, wanted, period(named["name"], zone=named["tz"]), freeze_at=frozen)
    finally:
        con.close()
    return {(r.control.id, v.population, v.subject, v.attribute): v.verdict for r in results for v in r.verdicts}


def shuffled(own: Rows, seed: int) -> Rows:
    """The records of each stream in another order."""
    return {alias: random.Random(seed).sample(held, len(held)) for alias, held in own.items()}


def renamed(own: Rows) -> Rows:
    """Every GitHub login with another one in its place; ids stay."""
    logins = {login for held in own.values() for row in held for login in _logins(row)}
    return {
        alias: [_replaced(row, {login: f"{login}-2" for login in logins}) for row in held]
        for alias, held in own.items()
    }


def without_one_approval(own: Rows) -> Iterator[tuple[str, Rows]]:
    """The records without one of an approving kind, for each such record."""
    for alias in APPROVING:
        for number, _ in enumerate(own.get(alias, ())):
            yield f"{alias}:{number}", own | {alias: [row for n, row in enumerate(own[alias]) if n != number]}


def later(value: Any) -> Any:
    """Every instant, date and epoch in a value a week later."""
    if isinstance(value, dict):
        return {key: later(held) for key, held in value.items()}
    if isinstance(value, list):
        return [later(held) for held in value]
    if isinstance(value, str):
        return _INSTANT.sub(_week_later, value)
    if isinstance(value, int) and not isinstance(value, bool):
        if 1_700_000_000 < value < 1_800_000_000:
            return value + int(WEEK.total_seconds())
        if 1_700_000_000_000 < value < 1_800_000_000_000:
            return value + int(WEEK.total_seconds()) * 1000
    return value


def _week_later(found: re.Match[str]) -> str:
    text = found[0]
    if len(text) == len("2025-01-01"):
        return (date.fromisoformat(text) + WEEK).isoformat()
    return f"{datetime.fromisoformat(text).replace(tzinfo=UTC) + WEEK:%Y-%m-%dT%H:%M:%S}"


def _logins(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("login"), str):
            yield value["login"]
        for held in value.values():
            yield from _logins(held)
    elif isinstance(value, list):
        for held in value:
            yield from _logins(held)


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(held, names) for key, held in value.items()}
    if isinstance(value, list):
        return [_replaced(held, names) for held in value]
    return names.get(value, value) if isinstance(value, str) else value
