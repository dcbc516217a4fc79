"""Check what a build added to a home's tables, and keep the answers.

- Kept as `quality/<time>_<system>_<digest>.json` below the home: what was expected, of how many rows, what was found.
- A table that got no rows is not checked: nothing was looked at, so that nothing is said.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from evidence.canonical import sha256
from evidence.whole import write_whole
from warehouse.quality import Quality, check_files, suites

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from warehouse.home import Home


def check_added(home: Home, before: Mapping[str, AbstractSet[str]], name: str, *, now: datetime) -> dict[str, Quality]:
    """Run the suites on the files that tables have got; what each suite found, by table.

    Args:
        home: whose tables.
        before: the files that each table had before the build.
        name: what was built, for the file that keeps the answers.
        now: the time of the check.

    Raises:
        ConfigError: a suite is broken.
    """
    found: dict[str, Quality] = {}
    for table, expectations in suites().items():
        if table not in before:
            continue
        added = sorted(set(home.lake.files(table)) - before[table])
        if added:
            found[table] = check_files(table, expectations, added)
    if found:
        _keep(home, found, f"{now:%Y%m%dT%H%M%S.%fZ}_{name}")
    return found


def _keep(home: Home, found: Mapping[str, Quality], stem: str) -> None:
    told = [quality.as_json() | {"suite": suites()[table]} for table, quality in found.items()]
    text = json.dumps(told, indent=1, default=str).encode()
    write_whole(home.path / "quality" / f"{stem}_{sha256(text)[:8]}.json", text)
