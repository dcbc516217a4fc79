"""Change a scenario's records in ways that must not change its verdicts, or must not turn an exception into a pass."""

from __future__ import annotations

import json
import random
import re
import zlib
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from controls import memory, scenario
from controls.definitions import catalogue
from controls.engine import test as judge
from evidence.periods import period
from warehouse.sheets import sheet_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

Rows = dict[str, list[dict[str, Any]]]
Verdicts = dict[tuple[str, str, str, str], str]  # control, population, subject, attribute -> verdict

APPROVING = (
    "gh.review", "gh.approval", "itsm.ticket", "waiver", "retro_review", "bg_review", "postmortem", "uar", "provenance",
    "job_run", "ev.positive_control",
)  # fmt: skip
WEEK = timedelta(days=7)
_PULL_NUMBERS = {"number", "_pull_number", "pr", "_issue"}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d)?")


def rows(folder: Path) -> Rows:
    """The records of a folder."""
    return {
        file.stem: [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        for file in sorted((folder / "records").glob("*.jsonl"))
    }


def verdicts(own: Rows, base: Path, controls: Sequence[str], *, told: Callable[[Any], Any] = lambda v: v) -> Verdicts:
    """Every verdict of `controls` over a scenario's records in their surroundings, which `told` may tell otherwise."""
    scope = told(json.loads((base / "scope.json").read_text(encoding="utf-8")))
    texts = {alias: [json.dumps(told(row)) for row in held] for alias, held in rows(base).items()}
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


def without_one_member(own: Rows, name: str, controls: Sequence[str]) -> tuple[Rows, str]:
    """The records without one of a stream that the controls' populations are drawn from; both are chosen by the name.

    With which it was: stream and place, or nothing where the folder has no such stream.
    """
    drawn = {sheet_of(s).alias for c in controls for p in catalogue()[c].sheet.populations.values() for s in p.streams}
    streams = sorted(drawn & set(own))
    if not streams:
        return own, ""
    alias = streams[zlib.crc32(name.encode()) % len(streams)]
    place = zlib.crc32(f"{name}/{alias}".encode()) % len(own[alias])
    gone = own[alias][place]
    return own | {alias: [row for row in own[alias] if row != gone]}, f"{alias}:{place}"


class Renaming:
    """Another name for everybody and everything: people, logins, organisation, repositories, and numbers of records.

    The same in records, surroundings, scope and subjects. What the world gives stays: stream names, actions, times.
    """

    def __init__(self, own: Rows, base: Path) -> None:
        scope = json.loads((base / "scope.json").read_text(encoding="utf-8"))
        world = {alias: [*own.get(alias, ()), *held] for alias, held in rows(base).items()}
        linked = {r["account_label"] for r in world["identity_link"] if r.get("account_label")}
        people = {word for r in world["hr.worker"] for word in r["name"].split()}
        logins = {login for held in own.values() for row in held for login in _logins(row)} | linked
        plain = {name.split("/")[0] for name in scope["repos"]} | {name.split("/")[1] for name in scope["repos"]}
        words = {name: f"{name[:-1]}x{name[-1]}" for name in people | {n for n in logins if n.isalnum()}}
        self._words = re.compile("|".join(rf"\b{re.escape(w)}\b" for w in sorted(words, key=len, reverse=True)))
        self._plain = re.compile("|".join(map(re.escape, sorted(plain, key=len, reverse=True))))
        self._new = words | {name: f"{name[:-1]}z{name[-1]}" for name in plain}
        self._ids = {row["id"] for alias in ("gh.deploy", "gh.run") for row in own.get(alias, ())}
        ids = "|".join(map(str, sorted(self._ids)))
        self._id_text = re.compile(rf"(?<![\d.-])(?:{ids})(?!\d)" if ids else r"(?!)")

    def __call__(self, value: Any, key: str = "") -> Any:
        """A value with the new names; `key` is where it stands."""
        if isinstance(value, dict):
            return {self._text(name): self(held, name) for name, held in value.items()}
        if isinstance(value, list):
            return [self(held, key) for held in value]
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if key in _PULL_NUMBERS:
                return value + 4000
            return value + 50_000 if value in self._ids else value
        return value

    def _text(self, text: str) -> str:
        text = self._words.sub(lambda m: self._new[m[0]], text)
        text = self._plain.sub(lambda m: self._new[m[0]], text)
        text = re.sub(r"\bW(\d{4})\b", lambda m: f"W{int(m[1]) + 4000}", text)
        text = re.sub(r"(#|/pulls?/)(\d+)\b", lambda m: f"{m[1]}{int(m[2]) + 4000}", text)
        return self._id_text.sub(lambda m: str(int(m[0]) + 50_000), text)


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
