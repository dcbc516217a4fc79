"""The catalogue's cases with their records changed in ways that must not change verdicts, or must not cure any."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from controls.cases import played
from controls.definitions import catalogue
from controls.results import EXCEPTION, PASS
from tests.controls import metamorphic as change

if TYPE_CHECKING:
    from controls.cases import Records
    from controls.results import ControlResult

pytestmark = pytest.mark.slow

Verdicts = dict[tuple[str, str, str], str]  # population, subject, attribute -> verdict
CHANGED = [
    "EVD-02", "EVD-03", "EVD-04", "EVD-05", "OPS-01", "OPS-02", "OPS-04", "OPS-06", "OPS-07", "SEC-03", "SEC-04",
]  # fmt: skip
each = pytest.mark.parametrize("name", CHANGED)


def verdicts(result: ControlResult) -> Verdicts:
    """Every verdict of a result."""
    return {(v.population, v.subject, v.attribute): v.verdict for v in result.verdicts}


@cache
def usual(name: str) -> Verdicts:
    """The verdicts over a control's cases as they are."""
    return verdicts(played(catalogue()[name])[0])


def own(name: str) -> Records:
    """The records of a control's own cases."""
    held: Records = {}
    for case in catalogue()[name].sheet.cases:
        for alias, rows in case.records.items():
            held.setdefault(alias, []).extend(rows)
    return held


@each
def test_order_and_repetition_change_nothing(name: str) -> None:
    """Records in another order, and each twice, have the same verdicts."""

    def twice(records: Records) -> Records:
        return {alias: [*held, *held] for alias, held in change.shuffled(records, 3).items()}

    assert verdicts(played(catalogue()[name], change=twice)[0]) == usual(name)


@each
def test_one_approval_less_cures_nothing(name: str) -> None:
    """Without one approving record of the cases, whichever it is, no exception becomes a pass."""
    for alias in change.APPROVING:
        for gone in own(name).get(alias, ()):

            def less(records: Records, alias: str = alias, gone: object = gone) -> Records:
                return records | {alias: [row for row in records[alias] if row != gone]}

            found = verdicts(played(catalogue()[name], change=less)[0])
            cured = [key for key, verdict in usual(name).items() if verdict == EXCEPTION and found.get(key) == PASS]
            assert (gone, cured) == (gone, [])
