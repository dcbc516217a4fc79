"""What the ledger is told of definitions, parameters and scope."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import yaml

from controls.definitions import catalogue
from controls.stated import scope_text, state_definitions
from evidence.canonical import sha256
from evidence.ledger.statements import CodeIdentity
from tests.reports.small_home import NOW, SCOPE, make_home
from warehouse.open import open_home

if TYPE_CHECKING:
    from pathlib import Path

CODE = CodeIdentity("0" * 40, tree_clean=True, lock_sha256="1" * 64)


def test_a_change_is_stated_once(tmp_path: Path) -> None:
    """Every control, the parameters and the scope; then only what changed."""
    home = make_home(tmp_path)
    assert state_definitions(home, code=CODE, now=NOW) == len(catalogue()) + 2
    assert state_definitions(home, code=CODE, now=NOW + timedelta(days=1)) == 0

    settings = yaml.safe_load((tmp_path / "evidence.yaml").read_text())
    settings["scope"] = {**SCOPE, "parameters": {"P_APPROVALS": 2}}
    (tmp_path / "evidence.yaml").write_text(yaml.safe_dump(settings))
    changed = open_home(tmp_path / "evidence.yaml", now=NOW)
    assert state_definitions(changed, code=CODE, now=NOW + timedelta(days=2)) == 2
    last = [json.loads(text) for text in changed.log.entries(changed.log.size - 2, changed.log.size)]

    assert [one["kind"] for one in last] == ["parameters", "scope"]
    assert last[1]["sha256"] == sha256(scope_text(changed.config.scope))
