"""The order in which a case's records arrive, and records that arrive twice, change no verdict."""

from __future__ import annotations

import random
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from controls import cases, memory
from controls.definitions import Control, catalogue
from controls.engine import test as judge
from evidence.periods import period

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("control", catalogue().values(), ids=lambda control: control.id)
def test_order_and_repetition_change_nothing(control: Control) -> None:
    """The cases of a control, shuffled and each record twice, have the verdicts that they have as written."""
    company = cases._company()
    written = cases._records(control, company)
    twice = {alias: random.Random(alias).sample([*rows, *rows], 2 * len(rows)) for alias, rows in written.items()}

    assert _verdicts(control, company, twice) == _verdicts(control, company, written)


def _verdicts(control: Control, company: Mapping[str, Any], records: Mapping[str, list[dict[str, Any]]]) -> object:
    span = period(company["period"]["name"], zone=company["period"]["zone"])
    frozen = datetime.fromisoformat(company["period"]["freeze_at"])
    con = memory.session(records, company["scope"], zone=span.zone, now=frozen)
    try:
        result = judge(con, [control], span, freeze_at=frozen)[0]
    finally:
        con.close()
    return {(v.population, v.subject, v.attribute): v.verdict for v in result.verdicts}
