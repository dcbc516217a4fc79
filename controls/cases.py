"""Run the catalogue's own cases: small records, and the verdicts that they must have.

All cases of a control play at once in the small company of `cases.yaml`; they keep apart by the ids that they use.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from controls.engine import test
from controls.memory import session
from evidence.periods import period
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controls.definitions import Control
    from controls.results import ControlResult

Records = dict[str, list[dict[str, Any]]]  # alias -> records
ABSENT = "ABSENT"  # what a case expects of what is no member
COMPANY = Path(__file__).with_name("cases.yaml")


def played(control: Control, *, change: Callable[[Records], Records] | None = None) -> tuple[ControlResult, list[str]]:
    """The control's result over its cases, and a line for each verdict that is not as a case expects.

    Args:
        control: whose cases are played.
        change: alters the records before that, for metamorphic tests.
    """
    company = _company()
    span = period(company["period"]["name"], zone=company["period"]["zone"])
    frozen = datetime.fromisoformat(company["period"]["freeze_at"])
    records = _records(control, company)
    con = session(change(records) if change else records, company["scope"], zone=span.zone, now=frozen)
    try:
        result = test(con, [control], span, freeze_at=frozen)[0]
    finally:
        con.close()
    found = {(v.subject, v.attribute): v for v in result.verdicts}
    wrong = []
    for case in control.sheet.cases:
        for subject, attribute, verdict in case.expect:
            actual = found.get((subject, attribute))
            if (actual.verdict if actual else ABSENT) != verdict:
                what = f"{actual.verdict} ({actual.reason})" if actual else "no verdict"
                wrong.append(f"{case.name}: {attribute} of {subject}: expected {verdict}, found {what}")
    return result, wrong


def _records(control: Control, company: Mapping[str, Any]) -> Records:
    """The company's records and those of every case; streams are complete wherever no case says other."""
    records = {alias: list(rows) for alias, rows in company["records"].items()}
    span = {"from": "2023-12-01", "to": "2024-04-03"}
    records["ev.partition"] = [{"source": stream, **span, "status": "complete"} for stream in sheets()]
    for case in control.sheet.cases:
        for alias, rows in case.records.items():
            records.setdefault(alias, []).extend(rows)
    return records


@cache
def _company() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPANY.read_text(encoding="utf-8")))
