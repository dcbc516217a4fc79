"""State in the ledger by what will be judged: definitions of controls, parameters, scope.

- What the ledger has last is not stated again; a change is a new statement, with the time at which it came.
- Stated before a period they show that no definition was written knowing the period's results.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from controls.definitions import catalogue
from controls.sheet import parameter_defaults
from evidence.canonical import sha256
from evidence.ledger.statements import Definition, Parameters, Scope, Statement
from evidence.periods import midnight

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from controls.definitions import Control
    from evidence.ledger.log import Log
    from evidence.ledger.statements import CodeIdentity
    from warehouse.home import Home


def scope_text(scope: Mapping[str, Any]) -> bytes:
    """What is in scope, and the parameters that were chosen, as the text whose digest stands for it."""
    return json.dumps(scope, sort_keys=True, default=str).encode()


def state_definitions(home: Home, *, code: CodeIdentity, now: datetime) -> int:
    """State what the ledger does not have as it is now; how many statements that took."""
    home.log.refresh()
    held = _stated(home.log)
    new = [one for name, one in _current(home, now) if held.get(name) != _digest(one)]
    home.log.append([one.encode(now, code) for one in new])
    return len(new)


def _current(home: Home, now: datetime) -> Iterator[tuple[str, Statement]]:
    for control in catalogue().values():
        yield control.id, _definition(control, home.config.zone)
    chosen = home.config.scope.get("parameters") or {}
    held = {name: default["value"] for name, default in parameter_defaults().items()} | chosen
    yield "parameters", Parameters(sha256(json.dumps(held, sort_keys=True, default=str).encode()), now)
    yield "scope", Scope(sha256(scope_text(home.config.scope)), now)


def _definition(control: Control, zone: str) -> Definition:
    questions = [text for version in control.versions for text in version.questions.values()]
    since = midnight(control.versions[-1].effective_from, zone)
    return Definition(control.id, control.sha256, tuple(sha256(text.encode()) for text in questions), since)


def _digest(one: Statement) -> str:
    return str(getattr(one, "sha256"))  # noqa: B009 - each of the three kinds has it, their common base has not


def _stated(log: Log) -> dict[str, str]:
    """The digest that the ledger has last, by control, and of parameters and scope."""
    return {
        value.get("control", value["kind"]): value["sha256"]
        for value in log.stated("definition", "parameters", "scope")
    }
